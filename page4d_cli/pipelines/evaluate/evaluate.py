"""Measure depth or poses on a data set, in this process or shared by several.

```
OUT/
  results.json  results.csv  results.md
  <sequence>/…           what was scored, by the names that the original gives it
  runs/<sequence>/       run directories, if the network was run here
  .evaluation/           what is known so far; the same command goes on from there
```
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from page4d_cli.core.errors import DatasetError, FramesError, OutputError
from page4d_cli.core.progress import Observer
from page4d_cli.core.strict_json import Json, read_json, to_text
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.fleet.spread import spread
from page4d_cli.io.run.manifest import WeightsRecord
from page4d_cli.io.whole.lock import locked
from page4d_cli.io.whole.transaction import require_apart
from page4d_cli.io.whole.writing import writing
from page4d_cli.model.checkpoint import read_checkpoint
from page4d_cli.model.choice import LazyModel
from page4d_cli.model.compatibility import examine
from page4d_cli.model.named_weights import WEIGHTS
from page4d_cli.model.weights import locate
from page4d_cli.pipelines.evaluate.choose import (
    Choice,
    ChosenSequence,
    choose_sequences,
)
from page4d_cli.pipelines.evaluate.find_run import require_runs
from page4d_cli.pipelines.evaluate.fingerprint import fingerprint
from page4d_cli.pipelines.evaluate.options import REFINED, EvaluationOptions
from page4d_cli.pipelines.evaluate.parts import Parts
from page4d_cli.pipelines.evaluate.predict import Predictor
from page4d_cli.pipelines.evaluate.results import (
    RESULTS,
    Results,
    SequenceResult,
    average,
    write_text,
)
from page4d_cli.pipelines.evaluate.sequence import SequenceScorer
from page4d_cli.pipelines.evaluate.tables import to_csv, to_markdown

STATE = ".evaluation"
SETTINGS = "settings.json"
PACKAGES = ("numpy", "torch", "evo")
SILENT = Observer[SequenceResult]()


def evaluate(
    options: EvaluationOptions,
    out: Path,
    *,
    command: Sequence[str] = (),
    fleet: FleetChoice = HERE,
    observer: Observer[SequenceResult] = SILENT,
) -> Results | None:
    """Score all sequences, or this process's share, and write the results.

    What was done before with the same settings is kept, failures excepted; given predictions are
    always scored again. Each sequence leaves a file; of several processes with a share each the one
    that comes last collects them.

    Args:
        options: what to measure, on what.
        out: the folder of the results.
        command: argv, for the record.
        fleet: where, and which share of the sequences.
        observer: told what happens to this process's share.

    Returns:
        The results; None while those of other shares are missing.

    Raises:
        InputError: data, predictions, weights or the place cannot be used.
        WriteError: the disk is full, or the like.
    """
    choice = choose_sequences(options)
    if options.predictions is not None:
        require_runs(options.predictions, [one.name for one in choice.sequences])
    else:
        _require_weights(options.model.weights)
    require_apart(out, inputs=[choice.root])
    _require_place(out)
    parts = Parts(out / STATE)
    share = fleet.share.of(list(enumerate(choice.sequences)))
    settings = options.as_settings(choice.root)
    with locked(parts.folder / f"share-{fleet.share.number}-of-{fleet.share.count}", out):
        _prepare(parts, settings, share, keep_parts=options.predictions is None)
        spread(
            share,
            _Scorer(options, choice, out, tuple(command)),
            fleet,
            observer,
            name_of=lambda piece: piece[1].name,
            lost=parts.lost,
        )
    done = [parts.read(index) for index in range(len(choice.sequences))]
    sequences = tuple(part for part in done if part is not None)
    if len(sequences) < len(done):
        observer.on_note(
            f"{len(sequences)} of {len(done)} sequences are done; the last share to be done writes "
            "the results"
        )
        return None
    results = _results(options, settings, sequences, command)
    write_results(out, results)
    return results


def write_results(out: Path, results: Results) -> None:
    """Write the three files of the results, the one for programs last.

    Raises:
        WriteError: the disk is full, or the like.
    """
    write_text(out / "results.csv", to_csv(results))
    write_text(out / "results.md", to_markdown(results))
    write_text(out / RESULTS, to_text(results))


def _require_weights(weights: str) -> None:
    """Refuse before any work what is no weights, or cannot be downloaded."""
    entry = WEIGHTS.get(weights)
    if entry is None or entry.source is not None:
        examine(read_checkpoint(locate(weights)))


def _require_place(out: Path) -> None:
    """Refuse a place that holds something else than an evaluation."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; choose another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / STATE).is_dir():
        raise OutputError(f"{out} is not empty and holds no evaluation; choose another --out")


def _prepare(
    parts: Parts,
    settings: dict[str, Json],
    share: Sequence[tuple[int, ChosenSequence]],
    *,
    keep_parts: bool,
) -> None:
    """Make the place ready; refuse one where something else was measured."""
    path = parts.folder / SETTINGS
    if path.is_file():
        there = read_json(dict[str, Json], path, OutputError, "choose another --out")
        _require_same(parts.folder.parent, there, settings)
    with writing(parts.folder):
        for index, chosen in share:  # a data set that has grown moves its sequences
            part = parts.read(index)
            if not (keep_parts and part and _is_of(part, chosen)):
                parts.path(index).unlink(missing_ok=True)
    write_text(path, to_text(settings))


def _is_of(part: SequenceResult, chosen: ChosenSequence) -> bool:
    """Whether kept scores are of a sequence as it is now."""
    if part.error is not None or part.name != chosen.name or chosen.found is None:
        return False
    try:
        return part.data == fingerprint(chosen.found.read())
    except (DatasetError, FramesError):
        return False


def _require_same(out: Path, there: dict[str, Json], asked: dict[str, Json]) -> None:
    different = [
        f"{key}: {there.get(key)} there, {asked.get(key)} asked"
        for key in sorted(there | asked)
        if there.get(key) != asked.get(key)
    ]
    if different:
        raise OutputError(
            f"{out} holds another evaluation ({'; '.join(different)}); choose another --out"
        )


@dataclass
class _Scorer:
    """Scores sequences in one process, with a network that is loaded when one needs it."""

    options: EvaluationOptions
    choice: Choice
    out: Path
    command: tuple[str, ...]
    scorer: SequenceScorer | None = None

    def __call__(
        self, piece: tuple[int, ChosenSequence], observer: Observer[Any]
    ) -> SequenceResult:
        index, chosen = piece
        parts = Parts(self.out / STATE)
        kept = parts.read(index)
        if kept is not None:
            return kept
        self.scorer = self.scorer or self._open(observer)
        result = self.scorer.score(chosen)
        parts.write(index, result)
        return result

    def _open(self, observer: Observer[Any]) -> SequenceScorer:
        network = LazyModel(self.options.model, observer)
        predictor = Predictor(self.options, network, self.command, observer.progress)
        return SequenceScorer(self.options, self.choice, self.out, predictor, observer.progress)


def _results(
    options: EvaluationOptions,
    settings: dict[str, Json],
    sequences: tuple[SequenceResult, ...],
    command: Sequence[str],
) -> Results:
    networks: dict[WeightsRecord, None] = dict.fromkeys(
        one.weights for one in sequences if one.weights is not None
    )
    return Results(
        command=tuple(command),
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        dataset=options.dataset,
        measure=options.measure,
        protocol=_protocol_in_words(options, {one.name for one in sequences}),
        settings=settings,
        weights=tuple(networks),
        sequences=sequences,
        averages=average(options.measure, [one for one in sequences if one.error is None]),
        failed=sum(one.error is not None for one in sequences),
    )


def _protocol_in_words(options: EvaluationOptions, names: set[str]) -> dict[str, str]:
    """The protocol, and where this evaluation departs from it."""
    words = options.protocol.as_words(options.benchmark, options.measure)
    if names != set(options.benchmark_sequences):
        words["sequences"] = "those named" if options.sequences else "all that were found"
    if options.max_frames is not None:
        words["frames"] += f", of these the first {options.max_frames}"
    if options.windows.window is not None:
        words["windows"] = options.windows.in_words()
    if options.refine:
        words[REFINED] = "cameras by bundle adjustment, which depth follows (page4d refine)"
    if options.predictions is not None:
        words["image"] = "as in the given runs"
    return words


def succeeded(results: Results, options: EvaluationOptions) -> bool:
    """Whether there are numbers, of all frames, and no failure that is not allowed."""
    if options.allow_failures:
        return bool(results.scored)
    whole = not any(one.missing for one in results.scored)
    failed = results.failures and not options.protocol.drops_failures
    return bool(results.scored) and whole and not failed
