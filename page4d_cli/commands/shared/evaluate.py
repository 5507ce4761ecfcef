"""What `eval-depth` and `eval-pose` share: their flags, and how they tell what was found."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, fail, print_json, say, warn
from page4d_cli.commands.shared.flags import Flags
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.enums import Align, Dataset, ProtocolName
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import FleetChoice
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice

if TYPE_CHECKING:
    from page4d_cli.eval.protocol import Measure
    from page4d_cli.pipelines.evaluate.options import EvaluationOptions
    from page4d_cli.pipelines.evaluate.results import Results, SequenceResult

_RESULT = "Result"


def parse_names(text: str) -> tuple[str, ...]:
    """Split `a,b` into names."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True)
class Scored:
    """What is scored, by which rules, and where the results go."""

    preds: Path | None = None
    root: Path | None = None
    sequences: Sequence[str] = ()
    protocol: ProtocolName = ProtocolName.STANDARD
    max_frames: int | None = None
    refine: bool = False
    allow_failures: bool = False
    out: Path | None = None
    published: bool = False

    def options(
        self,
        dataset: Dataset,
        measure: "Measure",
        aligns: Sequence[Align],
        model: ModelChoice,
        windows: WindowChoice,
    ) -> "EvaluationOptions":
        """The evaluation that is asked for."""
        from page4d_cli.pipelines.evaluate.options import EvaluationOptions

        return EvaluationOptions(
            dataset=dataset,
            measure=measure,
            root=self.root,
            aligns=tuple(aligns),
            protocol_name=self.protocol,
            sequences=tuple(self.sequences),
            predictions=self.preds,
            max_frames=self.max_frames,
            refine=self.refine,
            allow_failures=self.allow_failures,
            windows=windows,
            model=model,
        )


ScoredFlags = Annotated[
    Scored,
    Flags(
        Scored,
        preds=typer.Option(
            parser=options.parse_path,
            metavar="DIR",
            help="Score what `page4d infer` has written: a run for each sequence, called like it, "
            "or the run of one. Frames are matched by name and time stamp. Without it the network "
            "is run.",
        ),
        root=options.DATA_ROOT,
        sequences=typer.Option(
            parser=options.parsed_by(parse_names),
            metavar="A,B,…",
            help="Score these; by default the benchmark's list, or all that is there.",
            show_default=False,
        ),
        protocol=typer.Option(help=options.in_words(ProtocolName)),
        max_frames=options.MAX_FRAMES,
        refine=typer.Option(
            "--refine",
            help="Refine the network's cameras first, as `page4d refine` does; the results say so.",
        ),
        allow_failures=typer.Option(
            "--allow-failures", help="Exit 0 although sequences failed or frames are missing."
        ),
        out=options.out(
            "Where results are written; the same command goes on from what is there. By default "
            "eval/<dataset>_<what>.",
            _RESULT,
        ),
        published=typer.Option(
            "--published",
            help="Show the papers' numbers beside them; they are of other protocols.",
            rich_help_panel=_RESULT,
        ),
    ),
]
DEFAULT_SCORED = Scored()


def run_evaluation(
    asked: "EvaluationOptions", scored: Scored, fleet: FleetChoice, *, as_json: bool, quiet: bool
) -> None:
    """Evaluate, tell what was found, and exit with 1 if it does not count as a success."""
    from page4d_cli.pipelines.evaluate.evaluate import evaluate, succeeded

    place = scored.out or Path("eval") / f"{asked.dataset.value}_{asked.measure.value}"
    with Steps(quiet=quiet) as steps:

        def on_result(result: "SequenceResult") -> None:
            steps.count(frames=result.frames, is_kept=False, has_failed=result.error is not None)
            _tell(result, quiet=quiet)

        observer: Observer[SequenceResult] = steps.observer(on_result)
        results = evaluate(asked, place, command=sys.argv, fleet=fleet, observer=observer)
    if results is None:
        return  # other shares are not done yet
    if as_json:
        from page4d_cli.core.strict_json import encode_fields

        print_json({"out": str(place), **encode_fields(results)})
    else:
        _print(results, published=scored.published)
    say(f"results in {place}", quiet=quiet)
    if not succeeded(results, asked):
        partial = sum(1 for one in results.scored if one.missing)
        raise fail(
            f"{results.failed} of {len(results.sequences)} sequences failed, {partial} lack "
            "predictions of frames; --allow-failures accepts this",
            1,
        )


def _tell(result: "SequenceResult", *, quiet: bool) -> None:
    if result.error is not None:
        warn(f"{result.name} failed: {result.error}")
    if result.missing:
        warn(
            f"{result.name}: {len(result.missing)} frames have no prediction, "
            f"the first is {result.missing[0]}"
        )
    for note in result.notes:
        say(f"{result.name}: {note}", quiet=quiet)


def _print(results: "Results", *, published: bool) -> None:
    from page4d_cli.eval.published import WARNING, published_rows
    from page4d_cli.pipelines.evaluate.tables import result_table

    table = result_table(results, published=published)
    if table.rows:
        print_table(table.header, table.rows)
    if not published:
        return
    if published_rows(results.dataset, results.measure):
        warn(WARNING)
    else:
        say(f"no published numbers are known for {results.measure.value} on this data set")
