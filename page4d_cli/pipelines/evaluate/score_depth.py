"""Score the depth of a run against a sequence, and write what was scored."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Align
from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float32Array
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.draw.color_scale import depth_scale
from page4d_cli.draw.colormaps import robust_range
from page4d_cli.eval.depth import DepthMetrics, DepthScore, average_metrics, score_depth
from page4d_cli.eval.depth_pixels import DepthPair, is_valid
from page4d_cli.eval.protocol import Measure, ScoredDepth
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.run.directory import Run
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.pipelines.evaluate.match import Matching
from page4d_cli.pipelines.evaluate.options import EvaluationOptions
from page4d_cli.pipelines.evaluate.results import Scores, SequenceResult


@dataclass
class DepthScoring:
    """The predicted and true depth of a sequence's matched frames."""

    run: Run
    sequence: RecordedSequence
    matching: Matching
    options: EvaluationOptions
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.sequence.read_depth is None:
            raise EvaluationError(f"{self.sequence.name} has no ground truth depth")
        self._quantity = self.options.protocol.scored_depth(self.options.measure)
        self._limits = self.options.protocol.limits(self.options.benchmark, self.options.measure)
        self._without_truth: list[str] = []
        self._unseen = 0.0

    def score(self) -> SequenceResult:
        """Score under all alignments: one fit for a video, of mono one for each image.

        Raises:
            EvaluationError: nothing can be scored, or an alignment has no solution.
            DatasetError: a map of the ground truth cannot be read.
            RunError: a map of the run cannot be read.
        """
        if self.options.measure is Measure.MONO:
            scores, fits = self._score_images(), {}
        else:
            found = self._fit(pair for _, pair in self._pairs())
            scores = {align.value: one.metrics.as_dict() for align, one in found.items()}
            fits = {align.value: asdict(one.alignment) for align, one in found.items()}
        return SequenceResult(
            name=self.sequence.name,
            frames=len(self.matching.of_run) - len(self._without_truth),
            notes=tuple(self._notes()),
            scores=scores,
            fits=fits,
        )

    def _score_images(self) -> Scores:
        images: dict[Align, list[DepthMetrics]] = {align: [] for align in self.options.aligns}
        for name, pair in self._pairs():
            try:
                found = self._fit([pair])
            except EvaluationError as error:
                raise EvaluationError(f"{name}: {error}") from error
            for align, one in found.items():
                images[align].append(one.metrics)
        if not any(images.values()):
            raise EvaluationError("no frame has valid ground truth depth")
        return {align.value: average_metrics(all_).as_dict() for align, all_ in images.items()}

    def _fit(self, pairs: Iterable[DepthPair]) -> dict[Align, DepthScore]:
        return score_depth(
            pairs,
            self.options.aligns,
            max_depth=self._limits.max_depth,
            clip=self._limits.clip,
            zeroes_negligible=self.options.protocol.zeroes_negligible(self.options.measure),
        )

    def _notes(self) -> Iterator[str]:
        if self._without_truth:
            count, some = len(self.matching.of_run), ", ".join(self._without_truth[:5])
            more = ", …" if len(self._without_truth) > 5 else ""
            yield (
                f"{len(self._without_truth)} of {count} frames have no valid ground truth: "
                f"{some}{more}"
            )
        if self._unseen > 0:
            yield (
                f"{self._unseen:.1%} of the pictures were cropped away before the network saw "
                "them, and were not scored"
            )

    def _pairs(self) -> Iterator[tuple[str, DepthPair]]:
        """Name, prediction and ground truth of each frame that has some, of the same part."""
        assert self.sequence.read_depth is not None  # see __post_init__
        indices = list(zip(self.matching.of_run, self.matching.of_sequence, strict=True))
        for done, (row, index) in enumerate(indices, start=1):
            name = self.sequence.frames[index].name
            truth = self.sequence.read_depth(index)
            part = (slice(None), slice(None))
            if not self.options.protocol.stretches:
                part = self.run.infos[row].transform.seen(truth.shape)
                self._unseen = max(self._unseen, 1 - truth[part].size / truth.size)
            if is_valid(truth[part], self._limits.max_depth).any():
                yield name, (self.prediction(row), truth[part])
            else:
                self._without_truth.append(name)
            if self.progress is not None:
                self.progress(f"depth of {self.sequence.name}", done, len(indices))

    def prediction(self, row: int) -> Float32Array:
        """What is scored of a frame of the run: (h, w) without padding."""
        depth = self.run.depth(row)
        if self._quantity is ScoredDepth.WORLD_Z:
            depth = world_points_from_depth(
                np.asarray(depth, np.float32), self._intrinsics[row], self._extrinsics[row]
            )[..., 2]
        return np.asarray(self.run.infos[row].transform.crop(depth), np.float32)

    @cached_property
    def _extrinsics(self) -> Float32Array:
        return self.run.extrinsics()

    @cached_property
    def _intrinsics(self) -> Float32Array:
        return self.run.intrinsics()

    def write_predictions(self, folder: Path) -> None:
        """Write the scored maps by the names that the original gives them.

        Of mono `<stem>depth.npy`, of video `frame_0000.npy` with a picture, all on one scale.

        Args:
            folder: made if it is not there.

        Raises:
            WriteError: the disk is full, or the like.
        """
        pairs = list(zip(self.matching.of_run, self.matching.of_sequence, strict=True))
        mono = self.options.measure is Measure.MONO
        for row, index in pairs:
            name = f"{self.sequence.frames[index].stem}depth" if mono else f"frame_{index:04d}"
            with replacing(folder / f"{name}.npy") as staged:
                np.save(staged, self.prediction(row))
        if mono:
            return
        scale = depth_scale(*robust_range(self.prediction(row) for row, _ in pairs))
        for row, index in pairs:
            with replacing(folder / f"frame_{index:04d}.png") as staged:
                write_png(staged, scale.paint(self.prediction(row)))
