"""Tracks of data sets that have optical flow: points of one frame, carried on by it.

A point is lost for good where flow is unknown, where the next frame does not show it, at edges of
motion, where flow between pixels means nothing, and outside of the picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.sets.recorded import PointTracks

_POINTS = 1024
_EDGE_PX = 0.25
"""Motions of neighbouring pixels further apart than this are of two surfaces."""


@dataclass(frozen=True)
class Flow:
    """Where the pixels of a frame go to in the next. H W pixels."""

    motion_px: Float32Array
    """(H, W, 2) as (u, v); anything where not seen."""
    seen: NDArray[np.bool_]
    """(H, W): the motion is known, and the next frame shows the point."""


def grid_of_points(size: tuple[int, int]) -> Float64Array:
    """About a thousand pixels, evenly spaced.

    Args:
        size: (width, height).

    Returns:
        (N, 2) as (u, v), whole numbers.
    """
    width, height = size
    step = max(1, round(np.sqrt(width * height / _POINTS)))
    u, v = np.meshgrid(np.arange(step // 2, width, step), np.arange(step // 2, height, step))
    return np.stack([u.ravel(), v.ravel()], -1).astype(np.float64)


def advect(
    read_flow: Callable[[int], Flow], frames: Sequence[int], size: tuple[int, int]
) -> PointTracks:
    """Carry a grid of points of the first frame on to the others.

    Args:
        read_flow: of a frame to the next one.
        frames: S indices, in ascending order.
        size: (width, height).

    Raises:
        DatasetError: a file of flow cannot be read.
    """
    pixels = grid_of_points(size)
    alive = np.ones(len(pixels), np.bool_)
    rows = [(pixels, alive)]
    for index in range(frames[0], frames[-1]):
        motion, seen = _sample(read_flow(index), pixels)
        pixels = pixels + np.where(seen[:, None], motion, 0)
        alive = alive & seen & _inside(pixels, size)
        if index + 1 in frames:
            rows.append((pixels, alive))
    tracks, visible = (np.stack(each) for each in zip(*rows, strict=True))
    return PointTracks(tracks.astype(np.float32), visible)


def _inside(pixels: Float64Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(((pixels >= -0.5) & (pixels < np.array(size) - 0.5)).all(-1))


def _sample(flow: Flow, pixels: Float64Array) -> tuple[Float64Array, NDArray[np.bool_]]:
    """Motions (N, 2) between pixels, and whether all four of them with a weight are one surface."""
    height, width = flow.seen.shape
    at = pixels.clip(0, [width - 1, height - 1])
    left, top = at.astype(np.intp).T
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = at[:, 0] - left, at[:, 1] - top
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    corners = [(v, u) for v in (top, bottom) for u in (left, right)]
    counts = weights > 0
    seen = np.stack([flow.seen[corner] for corner in corners])
    motion = np.stack([flow.motion_px[corner] for corner in corners]).astype(np.float64)
    motion = np.where((counts & seen)[..., None], motion, motion[:1])
    with np.errstate(invalid="ignore"):
        smooth = (np.ptp(motion, axis=0) <= _EDGE_PX).all(-1)
        mean = (weights[..., None] * motion).sum(0)
    return mean, (seen | ~counts).all(0) & smooth & _inside(pixels, (width, height))
