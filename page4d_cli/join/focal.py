"""The intrinsics of a joined video, of which every window says something else."""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.enums import Focal
from page4d_cli.core.types import Float64Array
from page4d_cli.core.window import Window
from page4d_cli.join.join import JoinedPath


def joined_intrinsics(windows: Sequence[Window], path: JoinedPath, focal: Focal) -> Float64Array:
    """K of every frame, in pixels of the maps (F, 3, 3); NaN where no window shows it.

    One is the median of all windows and frames. A frame's own is the mean of its windows, each by
    how far the frame is from its ends, like the depth.
    """
    said = [window.intrinsics for window in windows]
    if focal is Focal.ONE:
        return np.repeat(np.median(np.concatenate(said), axis=0)[None], len(path.segment), axis=0)
    sums, weights = np.zeros((len(path.segment), 3, 3)), np.zeros(len(path.segment))
    for piece in path.pieces:
        rows = np.arange(piece.frames.start, piece.frames.stop)
        inward = np.minimum(rows - rows[0], rows[-1] - rows) + 1.0
        of_window = said[piece.window][rows - int(windows[piece.window].indices[0])]
        sums[rows - path.first_frame] += inward[:, None, None] * of_window
        weights[rows - path.first_frame] += inward
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / weights[:, None, None])
