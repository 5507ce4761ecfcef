"""Points that move with others: where many neighbours are explained badly, all are left out.

One point on a moving body may agree with cameras, if it moves along its rays, and a track of few
sightings nearly always does. Its neighbours in the picture, which move with it, tell.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from page4d_cli.core.types import Float64Array
from page4d_cli.refine.adjust import State, errors_px
from page4d_cli.refine.tracks import Tracks

_NEIGHBOURS = 8
"""In the picture, with the sighting itself."""
_BAD_PX = 1.0
_BAD = 4.0
"""Times the median of the frame: an error is bad that is greater than both."""
_MOST_BAD = 0.25
"""Share of bad neighbours, over all sightings of a point, from which it is left out."""


def stands(tracks: Tracks, state: State) -> NDArray[np.bool_]:
    """Tell which points (N,) stand still, as far as their neighbours say."""
    errors = errors_px(tracks, state)
    share = np.zeros(len(errors))
    for frame in np.unique(tracks.frame):
        mine = np.flatnonzero(tracks.frame == frame)
        share[mine] = _bad_neighbours(tracks.pixels[mine], errors[mine])
    sums = np.bincount(tracks.point, share, len(tracks))
    return np.asarray(sums < _MOST_BAD * np.bincount(tracks.point, minlength=len(tracks)))


def _bad_neighbours(pixels: Float64Array, errors: Float64Array) -> Float64Array:
    """(K,) share of bad errors (K,) around each pixel (K, 2) of one frame."""
    if len(pixels) < _NEIGHBOURS:
        return np.zeros(len(pixels))
    is_bad = errors > max(_BAD_PX, _BAD * float(np.median(errors)))
    _, nearest = KDTree(pixels).query(pixels, k=_NEIGHBOURS)
    return np.asarray(is_bad[nearest].mean(1))
