"""What published evaluations do with a data set, whoever reads it."""

from dataclasses import dataclass


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


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Lists and limits of a data set in the tables that people compare with."""

    pose_sequences: tuple[str, ...] = ()
    """Folders over which tables average poses; empty: no list, all that are found."""
    depth_sequences: tuple[str, ...] = ()
    """The same for depth."""
    video_limits: DepthLimits = DepthLimits()
    """Of depth scored a sequence at a time."""
    mono_limits: DepthLimits = DepthLimits()
    """Of depth scored a frame at a time."""
    original_left_out: tuple[str, ...] = ()
    """Of `depth_sequences`: those that the protocol `original` does not score as videos."""
    original_pose_stride: int = 1
    """Every how many frames one counts for poses, in the protocol `original`."""
    has_recorded_poses: bool = False
    """Whether the ground truth is of markers, which the protocol `original` compares with."""

    @property
    def sequences(self) -> tuple[str, ...]:
        """Folders of either list."""
        return tuple(dict.fromkeys((*self.pose_sequences, *self.depth_sequences)))
