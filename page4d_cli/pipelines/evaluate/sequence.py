"""Score one sequence: predict or find its run, match the frames, measure, write what was scored."""

from dataclasses import dataclass, replace
from pathlib import Path

from page4d_cli.core.errors import (
    DatasetError,
    EvaluationError,
    FramesError,
    OutOfMemoryError,
    RunError,
)
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import to_text
from page4d_cli.core.wording import count_noun
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.eval.protocol import Measure
from page4d_cli.io.run.directory import Run
from page4d_cli.pipelines.evaluate.choose import Choice, ChosenSequence
from page4d_cli.pipelines.evaluate.find_run import find_run
from page4d_cli.pipelines.evaluate.fingerprint import fingerprint
from page4d_cli.pipelines.evaluate.match import Matching, match_frames
from page4d_cli.pipelines.evaluate.options import EvaluationOptions
from page4d_cli.pipelines.evaluate.predict import ONE_BY_ONE, Predictor
from page4d_cli.pipelines.evaluate.results import SIM3, SequenceResult, write_text
from page4d_cli.pipelines.evaluate.score_depth import DepthScoring

OWN_FAULTS = (DatasetError, EvaluationError, FramesError, OutOfMemoryError, RunError)
"""What makes one sequence fail; anything else ends the evaluation."""
RUNS = "runs"
"""Folder of the runs that an evaluation makes itself."""


@dataclass(frozen=True)
class SequenceScorer:
    """Scores the sequences of one evaluation."""

    options: EvaluationOptions
    choice: Choice
    out: Path
    predictor: Predictor
    progress: Progress | None = None

    def score(self, chosen: ChosenSequence) -> SequenceResult:
        """Score a sequence; what is wrong with it alone stands in the result.

        Raises:
            WeightsError: the network's weights cannot be used.
            DeviceError: this machine lacks the device or the precision.
            WriteError: the disk is full, or the like.
        """
        try:
            return self._score(chosen)
        except OWN_FAULTS as error:
            return SequenceResult(name=chosen.name, error=str(error))

    def _score(self, chosen: ChosenSequence) -> SequenceResult:
        options = self.options
        if chosen.found is None:
            raise DatasetError(
                f"not in {self.choice.root}; page4d data check {options.dataset.value} says what "
                "is there, --sequences names those to score"
            )
        sequence = chosen.found.read()
        indices = options.protocol.frames(len(sequence), options.benchmark, options.measure)
        indices = indices[: options.max_frames]
        if options.predictions is not None:
            run = find_run(options.predictions, chosen.name)
        else:
            run = self.predictor.predict(sequence, indices, self.out / RUNS / chosen.name)
        matching = match_frames(run, sequence, indices, self.choice.all_names)
        score = self._poses if options.measure is Measure.POSE else self._depth
        result = score(run, sequence, matching)
        layout = f"layout: {chosen.found.layout}"
        return replace(
            result,
            missing=matching.missing,
            windows=_windows_of(run),
            notes=(layout, *sequence.notes, *self._departures(run), *result.notes),
            weights=run.manifest.weights,
            data=fingerprint(sequence),
        )

    def _departures(self, run: Run) -> list[str]:
        """What was done otherwise in a run than the protocol asks; nothing for those made here."""
        settings, count = run.manifest.settings, len(run.manifest.frames)
        notes = []
        if self.options.measure is Measure.MONO and count > 1 and not settings.get(ONE_BY_ONE):
            notes.append(f"the network saw the run's {count} frames together, not one a pass")
        if _windows_of(run) > 1:
            notes.append(f"predicted in {_windows_of(run)} windows, which were joined")
        if run.manifest.refinement:
            refined = sum(record.refined for record in run.manifest.refinement)
            others = ", the others as predicted" if refined < count else ""
            notes.append(f"{refined} of {count_noun(count, 'camera')} refined{others}")
        worlds = len(run.manifest.worlds)
        if worlds > 1 and self.options.measure is Measure.VIDEO:
            notes.append(
                f"the run has {worlds} segments with a unit each; one alignment serves them all"
            )
        protocol = self.options.protocol
        if protocol.stretches and settings.get("protocol") != protocol.name.value:
            notes.append(f"pictures were not stretched to a square, as in {protocol.name.value}")
        return notes

    def _poses(self, run: Run, sequence: RecordedSequence, matching: Matching) -> SequenceResult:
        from page4d_cli.pipelines.evaluate import score_pose  # evo: seconds to import

        score = score_pose.score_run_poses(run, sequence, matching, self.options.protocol)
        score_pose.write_pose_files(self.out / sequence.name, run, sequence, matching, score)
        return SequenceResult(
            name=sequence.name,
            frames=len(score),
            scores={SIM3: score.metrics.as_dict()},
            fits={SIM3: {"scale": score.scale}},
        )

    def _depth(self, run: Run, sequence: RecordedSequence, matching: Matching) -> SequenceResult:
        scoring = DepthScoring(run, sequence, matching, self.options, self.progress)
        result = scoring.score()
        folder = self.out / sequence.name
        scoring.write_predictions(folder)
        if self.options.measure is Measure.MONO:
            write_text(folder / "metric.json", to_text(result.scores))
        else:
            for align, metrics in result.scores.items():
                write_text(folder / f"result_{align}.json", to_text(metrics))
        return result


def _windows_of(run: Run) -> int:
    joining = run.manifest.joining or {}
    windows = joining.get("windows")
    return len(windows) if isinstance(windows, list) else 1
