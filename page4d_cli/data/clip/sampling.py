"""Choose frames of a clip: by index, or by time in a video."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.data.clip.video import VideoFrame

_EARLY_S = 0.001  # many containers round time stamps to milliseconds


@dataclass(frozen=True)
class Sampling:
    """Which frames of a source are taken: from `start`, thinned out, `max_frames` at most."""

    stride: int = 1
    fps: float | None = None
    start: int = 0
    max_frames: int | None = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--stride", self.stride, 1),
            ("--start", self.start, 0),
            ("--max-frames", self.max_frames, 1),
        ):
            if value is not None and value < least:
                raise InputError(f"{name} {value} is not allowed; give {least} or more")
        if self.fps is None:
            return
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"--fps {self.fps} is not allowed; give a number above 0")
        if self.stride != 1:
            raise InputError(
                f"--fps {self.fps:g} and --stride {self.stride} both thin out the frames; give one"
            )

    def indices(self, count: int) -> range:
        """Indices taken out of `count` frames, `fps` left aside."""
        return range(self.start, count, self.stride)[: self.max_frames]


def sample_video(
    frames: Iterable[VideoFrame | FramesError], sampling: Sampling, path: Path
) -> Iterator[VideoFrame | FramesError]:
    """Choose frames of a video while it is decoded, and stop at the last one wanted.

    Args:
        frames: What `iter_frames` yields.
        sampling: Which frames are wanted.
        path: The video, for messages.

    Yields:
        The frames wanted; errors for those of them that are damaged, and the errors met on the way.

    Raises:
        InputError: Sampling by rate was asked for and the video stores no time stamps.
    """
    at_rate = None if sampling.fps is None else _AtRate(sampling.fps)
    taken = 0
    for frame in frames:
        if isinstance(frame, FramesError):
            yield frame
            continue
        if frame.index < sampling.start:
            continue
        past_start = frame.index - sampling.start
        if at_rate(frame) if at_rate else past_start % sampling.stride == 0:
            damaged = frame.picture.is_corrupt
            yield FramesError(f"{path}: frame {frame.index} is damaged") if damaged else frame
            taken += 1
            if taken == sampling.max_frames:
                return


class _AtRate:
    """Takes the first frame at or after each k / fps, counted from the first frame it is shown."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._origin_s: float | None = None
        self._next_k = 0

    def __call__(self, frame: VideoFrame) -> bool:
        if frame.timestamp_s is None:
            raise InputError(
                f"--fps {self._fps:g} needs time stamps and this video stores none; use --stride"
            )
        if self._origin_s is None:
            self._origin_s = frame.timestamp_s
        periods = (frame.timestamp_s - self._origin_s + _EARLY_S) * self._fps
        if periods < self._next_k:
            return False
        self._next_k = math.floor(periods) + 1
        return True
