"""Which frames of a source are wanted, and how they are brought to the network's size.

Every option of the frames is a field here, so that who passes a choice on need not know them. Free
of numpy, so that a choice costs nothing until it is loaded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from page4d_cli.core.enums import Fit
from page4d_cli.core.errors import InputError

if TYPE_CHECKING:
    from page4d_cli.core.strict_json import Json
    from page4d_cli.core.types import Frames
    from page4d_cli.data.clip.stored import Scratch


PATCH = 14
"""Pixels of a patch's side: sides of pictures are multiples of it."""
_SIZES = 8 * PATCH, 74 * PATCH


@dataclass(frozen=True)
class FrameChoice:
    """Frames from `start`, thinned out, `max_frames` at most.

    Raises:
        InputError: a number is out of its range, or two options contradict.
    """

    fit: Fit = Fit.KEEP
    """How pictures are brought to the size."""
    size: int | None = None
    """Leading side in the network's pixels; None: what the network was trained for."""
    stride: int = 1
    """Every how many frames one is taken."""
    fps: float | None = None
    """Frames a second, for videos: the first at or after each k / fps, counted from `start`."""
    start: int = 0
    """Index of the first frame in the source."""
    max_frames: int | None = None
    """Stop after so many."""
    skip_bad: bool = False
    """Leave out frames that cannot be read, and list them in `Frames.ignored`."""

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--stride", self.stride, 1),
            ("--start", self.start, 0),
            ("--max-frames", self.max_frames, 1),
        ):
            if value is not None and value < least:
                raise InputError(f"{name} {value} is not allowed; give {least} or more")
        self._check_size()
        if self.fps is None:
            return
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"--fps {self.fps} is not allowed; give a number above 0")
        if self.stride != 1:
            raise InputError(
                f"--fps {self.fps:g} and --stride {self.stride} both thin out the frames; give one"
            )

    def _check_size(self) -> None:
        least, most = _SIZES
        if self.size is not None and not (least <= self.size <= most and self.size % PATCH == 0):
            near = min(max(round(self.size / PATCH) * PATCH, least), most)
            raise InputError(
                f"--size {self.size} is not allowed; give a multiple of {PATCH} from {least} to "
                f"{most}, such as {near}"
            )

    def beyond_training(self, trained: int) -> str | None:
        """A warning if pictures get larger than those that the network has learned from.

        Args:
            trained: leading side of those, in pixels.
        """
        if self.size is None or self.size <= trained:
            return None
        return (
            f"--size {self.size}: the network was trained with {trained} pixels; nothing says that "
            "it is better beyond"
        )

    def load(
        self,
        source: str | Path | Sequence[str | Path],
        size: int,
        scratch: "Scratch | None" = None,
    ) -> "Frames":
        """Load the frames; arguments and errors as `load_clip`, `size` unless another is chosen."""
        from page4d_cli.data.clip.frames import load_clip

        return load_clip(source, self, self.size or size, scratch)

    def indices(self, count: int) -> range:
        """Indices taken out of `count` frames, `fps` left aside."""
        return range(self.start, count, self.stride)[: self.max_frames]

    def as_settings(self) -> dict[str, "Json"]:
        """For the manifest."""
        from page4d_cli.core.strict_json import encode_fields

        return encode_fields(self)


DEFAULT_FRAMES = FrameChoice()
