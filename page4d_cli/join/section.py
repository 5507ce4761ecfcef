"""A stretch of video whose windows hang together, as the steps of the joining hand it on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.types import Float64Array
from page4d_cli.core.window import Window, WindowCameras


@dataclass(frozen=True)
class WindowPiece:
    """A window, or the part of one that lies in one segment."""

    window: int
    """Number among all windows."""
    cameras: WindowCameras


@dataclass(frozen=True)
class Section:
    """The windows of a segment of F frames, and what is known of them so far."""

    windows: Sequence[Window]
    """All windows of the video."""
    pieces: Sequence[WindowPiece]
    """Those of the segment, in the video's order."""
    log_scales: Float64Array
    """(pieces,) log of what the lengths of each are multiplied by."""
    path: Float64Array
    """T_world_camera (F, 3, 4)."""

    @property
    def cameras(self) -> list[WindowCameras]:
        """The pieces without what they are parts of."""
        return [piece.cameras for piece in self.pieces]

    @property
    def first_frame(self) -> int:
        """Number of the first frame in the video."""
        return min(int(piece.cameras.indices[0]) for piece in self.pieces)

    @property
    def middles(self) -> Float64Array:
        """(pieces,) the middle of each, counted from the first frame."""
        frames = [float(np.mean(piece.cameras.indices[[0, -1]])) for piece in self.pieces]
        return np.array(frames) - self.first_frame
