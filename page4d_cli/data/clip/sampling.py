"""Choose frames of a video while it is decoded, by index or by time."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.data.clip.video import VideoFrame

_EARLY_S = 0.001  # many containers round time stamps to milliseconds


def sample_video(
    frames: Iterable[VideoFrame | FramesError], choice: FrameChoice, path: Path
) -> Iterator[VideoFrame | FramesError]:
    """Choose frames of a video while it is decoded, and stop at the last one wanted.

    Args:
        frames: What `iter_frames` yields.
        choice: Which frames are wanted.
        path: The video, for messages.

    Yields:
        The frames wanted; errors for those of them that are damaged, and the errors met on the way.

    Raises:
        InputError: Sampling by rate was asked for and the video stores no time stamps.
    """
    at_rate = None if choice.fps is None else _AtRate(choice.fps)
    taken = 0
    for frame in frames:
        if isinstance(frame, FramesError):
            yield frame
            continue
        if frame.index < choice.start:
            continue
        past_start = frame.index - choice.start
        if at_rate(frame) if at_rate else past_start % choice.stride == 0:
            damaged = frame.picture.is_corrupt
            yield FramesError(f"{path}: frame {frame.index} is damaged") if damaged else frame
            taken += 1
            if taken == choice.max_frames:
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
