"""Which pixels of a frame show something that moves, judged from depth and cameras alone.

A surface point of one frame is carried into another by the cameras. If nothing has moved, the other
frame shows it, or something in front of it that hides it. It can never see through it: a carried
point that floats in front of what the other frame shows has moved between the two. So the order of
depths tells motion from occlusion; a point behind the other's surface says nothing, and gets its
chance in the other direction, when that surface is carried back.

Shapes: H W pixels of the map, which may differ from frame to frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import project, world_points_from_depth
from page4d_cli.core.types import Float32Array, Float64Array

DECISION_SIGMAS = 3.0
"""Disagreement from which a point counts as hidden, or, in front, as moved, with a score of ½."""
_FULL_SIGMAS = 2 * DECISION_SIGMAS
"""Disagreement of score 1. Less than nine halves of the one above: where three of the nine pixels
of a neighbourhood, those across a straight edge, have moved, the middle one stays below ½."""
_LEAST_SIGMA = 0.002
"""Relative; what reading between pixels gets wrong even where depth is exact."""
_EDGE_RATIO = 1.1
"""Depths of four neighbours further apart than this lie on an edge: the nearest one counts."""
_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over the median of its absolute values."""
_MAX_NEIGHBOURS = 12
_OFFSETS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class PosedDepth:
    """A frame as it is compared."""

    depth: Float32Array
    """(H, W) planar z; NaN where there is none."""
    uncertainty: Float32Array
    """(H, W), about 1: expected relative error of the depth over that of the clip."""
    intrinsics: Float64Array
    """(3, 3) in pixels of the map."""
    T_camera_world: Float64Array
    """(3, 4)."""


def neighbours_of(index: int, count: int) -> list[int]:
    """Frames to compare frame `index` with: all of a short clip, else some near and some far."""
    if count - 1 <= _MAX_NEIGHBOURS:
        return [other for other in range(count) if other != index]
    found = [index + sign * offset for offset in _OFFSETS for sign in (-1, 1)]
    return sorted(other for other in found if 0 <= other < count)


def motion_score(frame: PosedDepth, others: Iterable[PosedDepth]) -> Float32Array:
    """Score every pixel of a frame by the strongest evidence that any other frame gives.

    Disagreements are measured in standard deviations. That of a pair of frames is estimated from
    the pair itself, of which most is taken to stand still, so that a poor camera accuses nobody;
    each pixel's share in it is its uncertainty. A mean over 3×3 pixels evens out noise.

    Args:
        frame: the one to score.
        others: frames of the same scene at other times.

    Returns:
        (H, W) in [0, 1], ½ at `DECISION_SIGMAS`; 0 also where no other frame could tell.
    """
    score = np.zeros(frame.depth.shape, np.float32)
    for other in others:
        evidence = _disagreement_sigmas(frame, other)
        hidden = evidence < -DECISION_SIGMAS
        evidence = np.where(hidden, np.nan, np.minimum(evidence, _FULL_SIGMAS))
        np.fmax(score, _mean_of_nine(evidence) / _FULL_SIGMAS, out=score, casting="same_kind")
    return score


def _disagreement_sigmas(frame: PosedDepth, other: PosedDepth) -> Float64Array:
    """How far behind each carried point (H, W) the other's surface is; NaN where it has none."""
    world = world_points_from_depth(
        frame.depth.astype(np.float64), frame.intrinsics, frame.T_camera_world
    )
    usable = np.isfinite(frame.depth)
    pixels, carried = project(world[usable], other.intrinsics, other.T_camera_world)
    found, uncertainty = _read_between_pixels(other, np.where(carried[:, None] > 0, pixels, -1.0))
    error = (found - carried) / carried
    error /= np.sqrt((uncertainty**2 + frame.uncertainty[usable] ** 2) / 2)
    sigmas = np.full(frame.depth.shape, np.nan)
    met = np.isfinite(error)
    if met.any():
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(error[met])))
        sigmas[usable] = error / max(sigma, _LEAST_SIGMA)
    return sigmas


def _read_between_pixels(
    view: PosedDepth, pixels: NDArray[np.floating]
) -> tuple[Float64Array, Float64Array]:
    """Depth (N,) at (N, 2) as (u, v), NaN outside, and the nearest pixel's uncertainty (N,).

    Inverse depth is interpolated, which is exact on planes; at an edge the nearest of four depths
    is taken, since only a point in front of all that is there has moved.
    """
    height, width = view.depth.shape
    inside = np.all((pixels >= 0) & (pixels <= [width - 1, height - 1]), axis=-1)
    at = np.where(inside[:, None], pixels, 0)
    left = np.minimum(at[:, 0].astype(np.intp), max(width - 2, 0))
    top = np.minimum(at[:, 1].astype(np.intp), max(height - 2, 0))
    x, y = at[:, 0] - left, at[:, 1] - top
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    corners = np.stack([view.depth[v, u] for v in (top, bottom) for u in (left, right)])
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    nearest = corners.min(0)  # NaN beside a pixel without depth
    on_edge = corners.max(0) > _EDGE_RATIO * nearest
    depth = np.where(on_edge, nearest, 1 / (weights / corners).sum(0))
    uncertainty = view.uncertainty[np.where(y < 0.5, top, bottom), np.where(x < 0.5, left, right)]
    return np.where(inside, depth, np.nan), uncertainty.astype(np.float64)


def _mean_of_nine(values: Float64Array) -> Float64Array:
    """Mean of the finite values around each finite one of (H, W); NaN elsewhere."""
    height, width = values.shape
    finite = np.isfinite(values)
    both = np.pad(np.stack([np.where(finite, values, 0), finite]), ((0, 0), (1, 1), (1, 1)))
    total, count = sum(
        (both[:, i : i + height, j : j + width] for i in range(3) for j in range(3)),
        start=np.zeros((2, height, width)),
    )
    return np.where(finite, total / np.maximum(count, 1), np.nan)
