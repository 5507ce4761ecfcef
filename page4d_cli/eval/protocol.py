"""The two ways of making and scoring predictions, so that a number says which one it is of."""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.core.enums import DepthTask, ProtocolName


class Measure(str, Enum):
    """What is measured."""

    MONO = "mono"
    """Depth of single frames, see `DepthTask`."""
    VIDEO = "video"
    """Depth of sequences, see `DepthTask`."""
    POSE = "pose"
    """Camera paths."""

    @classmethod
    def of(cls, task: DepthTask) -> "Measure":
        """The measure of a depth task."""
        return cls(task.value)


class ScoredDepth(str, Enum):
    """Which number of a pixel is compared with the ground truth's planar z."""

    CAMERA_Z = "camera z of the depth head"
    WORLD_Z = "z of the unprojected world points"
    """In the first camera's axes: equal to the camera's z only while the camera does not move."""


@dataclass(frozen=True)
class Protocol:
    """Everything that a number depends on beside network and data."""

    name: ProtocolName
    stretches: bool
    """Pictures lose rows beyond a square and are stretched to one, and so is what is predicted."""
    video_depth: ScoredDepth
    video_zeroes_negligible: bool
    """Video: what the fit of `Align.SCALE_SHIFT` takes for 0 is scored as 0, too."""
    video_frames: int | None
    """Most frames of a sequence that count for video depth, the first ones."""
    thins_out: bool
    """Whether some sequences of the benchmark's lists, and some frames of poses, do not count."""
    recorded_poses: bool
    """Bonn: compare with the motion of the markers, not of the camera."""
    drops_failures: bool
    """Whether failed sequences leave the mean without the evaluation having failed."""

    def scored_depth(self, measure: Measure) -> ScoredDepth:
        """What is compared with the ground truth."""
        return self.video_depth if measure is Measure.VIDEO else ScoredDepth.CAMERA_Z

    def zeroes_negligible(self, measure: Measure) -> bool:
        """As `score_depth` takes it."""
        return self.video_zeroes_negligible and measure is Measure.VIDEO

    def limits(self, benchmark: Benchmark, measure: Measure) -> DepthLimits:
        """Which depth counts, the same in both protocols."""
        return benchmark.mono_limits if measure is Measure.MONO else benchmark.video_limits

    def sequences(self, benchmark: Benchmark, measure: Measure) -> tuple[str, ...]:
        """Folders over which it averages; empty: no list."""
        if measure is Measure.POSE:
            return benchmark.pose_sequences
        left_out = self._left_out(benchmark, measure)
        return tuple(name for name in benchmark.depth_sequences if name not in left_out)

    def _left_out(self, benchmark: Benchmark, measure: Measure) -> tuple[str, ...]:
        thinned = self.thins_out and measure is Measure.VIDEO
        return benchmark.original_left_out if thinned else ()

    def _pose_stride(self, benchmark: Benchmark) -> int:
        return benchmark.original_pose_stride if self.thins_out else 1

    def frames(self, count: int, benchmark: Benchmark, measure: Measure) -> range:
        """Indices of the frames that count, of `count`."""
        if measure is Measure.POSE:
            return range(0, count, self._pose_stride(benchmark))
        limit = self.video_frames if measure is Measure.VIDEO else None
        return range(count if limit is None else min(count, limit))

    def as_words(self, benchmark: Benchmark, measure: Measure) -> dict[str, str]:
        """What it means for a measurement, for people and for result files."""
        words = {
            "name": self.name.value,
            "image": "the network's width (518) with the row crop, then stretched to a square"
            if self.stretches
            else "the network's width (518), aspect kept; portrait padded, not cropped, and the "
            "padding cut from the result",
            "sequences": self._sequences_in_words(benchmark, measure),
            "frames": self._frames_in_words(benchmark, measure),
            "failures": "dropped from the mean"
            if self.drops_failures
            else "listed, counted, exit status 1",
        }
        if measure is not Measure.POSE:
            words["depth scored"] = self.scored_depth(measure).value
            words["ground truth"] = self.limits(benchmark, measure).as_words()
            words["mean"] = "weighted by valid pixels"
            if self.zeroes_negligible(measure):
                words["scale-shift"] = "predictions below 1e-5 are scored as 0"
            return words
        if benchmark.has_recorded_poses:
            words["ground truth"] = (
                "poses of the markers as recorded" if self.recorded_poses else "poses of the camera"
            )
        words["alignment"] = "Sim(3), Umeyama; RPE over 1 frame, all pairs"
        words["mean"] = "over sequences"
        return words

    def _sequences_in_words(self, benchmark: Benchmark, measure: Measure) -> str:
        left_out = self._left_out(benchmark, measure)
        return "the benchmark's list" + (f" without {', '.join(left_out)}" if left_out else "")

    def _frames_in_words(self, benchmark: Benchmark, measure: Measure) -> str:
        if measure is Measure.MONO:
            return "all, one frame a pass"
        if measure is Measure.VIDEO and self.video_frames is not None:
            return f"the first {self.video_frames}"
        stride = self._pose_stride(benchmark) if measure is Measure.POSE else 1
        return "all" if stride == 1 else f"every {stride}th"


STANDARD = Protocol(
    name=ProtocolName.STANDARD,
    stretches=False,
    video_depth=ScoredDepth.CAMERA_Z,
    video_zeroes_negligible=False,
    video_frames=None,
    thins_out=False,
    recorded_poses=False,
    drops_failures=False,
)
ORIGINAL = Protocol(
    name=ProtocolName.ORIGINAL,
    stretches=True,
    video_depth=ScoredDepth.WORLD_Z,
    video_zeroes_negligible=True,
    video_frames=120,
    thins_out=True,
    recorded_poses=True,
    drops_failures=True,
)
PROTOCOLS = MappingProxyType({protocol.name: protocol for protocol in (STANDARD, ORIGINAL)})
