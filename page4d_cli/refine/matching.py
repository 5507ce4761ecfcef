"""Which frames are compared, and which of their features are the same point.

Each frame is compared with some that are near in time, and with one at each further scale of time
that sees the same place: so loops close, and the cost hardly grows faster than the frames.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import project
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.refine.cameras import Cameras, backproject
from page4d_cli.refine.features import Features

_OFFSETS = (1, 2, 4, 8)
_SAMPLES = 40
"""Features of a frame by which its overlap with others is told."""
_LEAST_OVERLAP = 0.3
_REACH = 0.35
"""Of the longer side of a picture: how far off its predicted place a point is looked for."""
_RATIO = 0.85
"""Of the distance to the best over that to the second best (Lowe, IJCV 2004, section 7.1)."""
_EPIPOLAR_PX = 3.0
"""Error in pictures of 1000 pixels and below; larger ones are allowed more."""
_LEAST_MATCHES = 12
Matches = dict[tuple[int, int], NDArray[np.int64]]
"""For two frames, the earlier first, the indices (K, 2) of features that show one point."""


def choose_pairs(
    cameras: Cameras, features: Sequence[Features], sizes: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Choose frames to compare, the earlier one first.

    Args:
        cameras: as the network says, S frames.
        features: S, with depth.
        sizes: (S, 2) width and height of the pictures.
    """
    count = len(cameras)
    pairs = {(i, i + offset) for offset in _OFFSETS for i in range(count - offset)}
    for frame in range(count):
        overlap = _overlaps(cameras, features[frame], frame, sizes)
        for other_times in _other_times(frame, count):
            best = other_times[int(overlap[other_times].argmax())]
            if overlap[best] >= _LEAST_OVERLAP:
                pairs.add((min(frame, best), max(frame, best)))
    return sorted(pairs)


def _other_times(frame: int, count: int) -> Iterator[range]:
    """Frames 9 to 16 before, 9 to 16 after, 17 to 32 before, and so on, of so many in all."""
    near = _OFFSETS[-1]
    while near < count:
        for begin in (frame - 2 * near, frame + near + 1):
            there = range(max(0, begin), min(count, begin + near))
            if there:
                yield there
        near *= 2


def _overlaps(
    cameras: Cameras, features: Features, frame: int, sizes: NDArray[np.int64]
) -> Float64Array:
    """(S,) share of a frame's points that fall into each picture."""
    known = np.flatnonzero(np.isfinite(features.depth))
    if not len(known):
        return np.zeros(len(cameras))
    chosen = features.take(known[:: max(1, len(known) // _SAMPLES)])
    world = backproject(cameras, frame, chosen.pixels, chosen.depth)
    pixels, depth = project(world, cameras.of_frames, cameras.T_camera_world)
    with np.errstate(invalid="ignore"):
        inside = ((pixels >= 0) & (pixels < sizes[:, None])).all(-1) & (depth > 0)
    return np.asarray(inside.mean(-1), np.float64)


def match_pair(
    cameras: Cameras,
    features: Sequence[Features],
    pair: tuple[int, int],
    sizes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Find the points that two frames share.

    A point is looked for around the place where the network's cameras and depth put it; both must
    be the other's best by far; and all together must agree with one motion of the camera, which
    what moves by itself rarely does.

    Returns:
        (K, 2) indices of features; empty if there are too few to be believed.
    """
    import pycolmap

    none = np.zeros((0, 2), np.int64)
    first, second = features[pair[0]], features[pair[1]]
    if min(len(first), len(second)) < _LEAST_MATCHES:
        return none
    likeness = first.unit_descriptors @ second.unit_descriptors.T
    world = backproject(cameras, pair[0], first.pixels, first.depth)
    other = pair[1]
    expected, depth = project(world, cameras.of_frames[other], cameras.T_camera_world[other])
    expected = np.where((depth > 0)[:, None], expected, np.nan).astype(np.float32)
    likeness[_is_far(expected, second.pixels, _REACH * float(sizes[other].max()))] = -1
    found = _mutual_best(likeness)
    if len(found) < _LEAST_MATCHES:
        return none
    tolerance = _EPIPOLAR_PX * max(1.0, float(sizes[list(pair)].max()) / 1000)
    result = pycolmap.estimate_fundamental_matrix(
        first.pixels[found[:, 0]],
        second.pixels[found[:, 1]],
        pycolmap.RANSACOptions(max_error=tolerance, random_seed=0, max_num_trials=2000),
    )
    kept = none if result is None else found[np.asarray(result["inlier_mask"], bool)]
    return kept if len(kept) >= _LEAST_MATCHES else none


def _is_far(expected: Float32Array, pixels: Float64Array, reach_px: float) -> NDArray[np.bool_]:
    """(K, N) whether pixels (N, 2) are far from where points (K, 2) should be; not if unknown."""
    u, v = pixels.astype(np.float32).T
    with np.errstate(invalid="ignore"):
        far = [np.abs(expected[:, [axis]] - at) > reach_px for axis, at in enumerate((u, v))]
    return np.asarray(far[0] | far[1])


def _mutual_best(likeness: Float32Array) -> NDArray[np.int64]:
    """Pairs (K, 2) of rows and columns that are each other's best, and clearly so."""
    columns = likeness.argmax(1)
    rows = np.arange(len(likeness))
    best = likeness[rows, columns]
    is_mutual = (likeness.argmax(0)[columns] == rows) & (best > 0)
    rest = likeness.copy()
    rest[rows, columns] = -1
    # Of unit vectors with the product p the distance is √(2 - 2p).
    is_clear = 1 - best < _RATIO**2 * (1 - rest.max(1))
    chosen = rows[is_mutual & is_clear]
    return np.stack([chosen, columns[chosen]], axis=1)
