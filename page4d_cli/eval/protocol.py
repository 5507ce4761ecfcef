"""The two ways of making and scoring predictions, so that a number says which one it is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from page4d_cli.core.enums import Dataset, DepthTask, ProtocolName


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
    pose_stride: Mapping[Dataset, int]
    """Every how many frames one counts for poses, where it is not every one."""
    left_out: Mapping[tuple[Dataset, Measure], tuple[str, ...]]
    """Sequences of the benchmark's lists that do not count."""
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

    def frames(self, count: int, dataset: Dataset, measure: Measure) -> range:
        """Indices of the frames that count, of `count`."""
        if measure is Measure.POSE:
            return range(0, count, self.pose_stride.get(dataset, 1))
        limit = self.video_frames if measure is Measure.VIDEO else None
        return range(count if limit is None else min(count, limit))

    def as_words(self, dataset: Dataset, measure: Measure) -> dict[str, str]:
        """What it means for a measurement, for people and for result files."""
        words = {
            "name": self.name.value,
            "image": "the network's width (518) with the row crop, then stretched to a square"
            if self.stretches
            else "the network's width (518), aspect kept; portrait padded, not cropped, and the "
            "padding cut from the result",
            "sequences": self._sequences_in_words(dataset, measure),
            "frames": self._frames_in_words(dataset, measure),
            "failures": "dropped from the mean"
            if self.drops_failures
            else "listed, counted, exit status 1",
        }
        if measure is not Measure.POSE:
            limits = depth_limits(dataset, measure)
            words["depth scored"] = self.scored_depth(measure).value
            words["ground truth"] = limits.as_words()
            words["mean"] = "weighted by valid pixels"
            if self.zeroes_negligible(measure):
                words["scale-shift"] = "predictions below 1e-5 are scored as 0"
            return words
        if dataset is Dataset.BONN:
            words["ground truth"] = (
                "poses of the markers as recorded" if self.recorded_poses else "poses of the camera"
            )
        words["alignment"] = "Sim(3), Umeyama; RPE over 1 frame, all pairs"
        words["mean"] = "over sequences"
        return words

    def _sequences_in_words(self, dataset: Dataset, measure: Measure) -> str:
        left_out = self.left_out.get((dataset, measure), ())
        return "the benchmark's list" + (f" without {', '.join(left_out)}" if left_out else "")

    def _frames_in_words(self, dataset: Dataset, measure: Measure) -> str:
        if measure is Measure.MONO:
            return "all, one frame a pass"
        if measure is Measure.VIDEO and self.video_frames is not None:
            return f"the first {self.video_frames}"
        stride = self.pose_stride.get(dataset, 1) if measure is Measure.POSE else 1
        return "all" if stride == 1 else f"every {stride}th"


STANDARD = Protocol(
    name=ProtocolName.STANDARD,
    stretches=False,
    video_depth=ScoredDepth.CAMERA_Z,
    video_zeroes_negligible=False,
    video_frames=None,
    pose_stride=MappingProxyType({}),
    left_out=MappingProxyType({}),
    recorded_poses=False,
    drops_failures=False,
)
ORIGINAL = Protocol(
    name=ProtocolName.ORIGINAL,
    stretches=True,
    video_depth=ScoredDepth.WORLD_Z,
    video_zeroes_negligible=True,
    video_frames=120,
    pose_stride=MappingProxyType({Dataset.DYCHECK: 10}),
    left_out=MappingProxyType({(Dataset.SINTEL, Measure.VIDEO): ("market_5",)}),
    recorded_poses=True,
    drops_failures=True,
)
PROTOCOLS = MappingProxyType({protocol.name: protocol for protocol in (STANDARD, ORIGINAL)})


@dataclass(frozen=True)
class DepthLimits:
    """Which ground truth counts, in its own unit; None for no limit."""

    max_depth: float | None = None
    clip: float | None = None
    """Aligned predictions above this are lowered to it."""

    def as_words(self) -> str:
        """For people and for result files."""
        valid = "depth above 0" + (
            "" if self.max_depth is None else f" and below {self.max_depth:g}"
        )
        return valid + ("" if self.clip is None else f", predictions clipped at {self.clip:g}")


def depth_limits(dataset: Dataset, measure: Measure) -> DepthLimits:
    """Limits of a data set, the same in both protocols."""
    if dataset is Dataset.DYCHECK and measure is Measure.MONO:
        return DepthLimits()
    return _LIMITS.get(dataset, DepthLimits())


_LIMITS = {
    Dataset.SINTEL: DepthLimits(70, clip=70),
    Dataset.BONN: DepthLimits(70),
    Dataset.TUM: DepthLimits(70),
    Dataset.DYCHECK: DepthLimits(70),
}
