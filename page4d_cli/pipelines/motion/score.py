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

from page4d_cli.core.reproject import PosedDepth, carry
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
class UncertainDepth(PosedDepth):
    """A frame as it is compared."""

    uncertainty: Float32Array
    """(H, W), about 1: expected relative error of the depth over that of the clip."""


def neighbours_of(index: int, count: int) -> list[int]:
    """Frames to compare frame `index` with: all of a short clip, else some near and some far."""
    if count - 1 <= _MAX_NEIGHBOURS:
        return [other for other in range(count) if other != index]
    found = [index + sign * offset for offset in _OFFSETS for sign in (-1, 1)]
    return sorted(other for other in found if 0 <= other < count)


def motion_score(frame: UncertainDepth, others: Iterable[UncertainDepth]) -> Float32Array:
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


def _disagreement_sigmas(frame: UncertainDepth, other: UncertainDepth) -> Float64Array:
    """How far behind each carried point (H, W) the other's surface is; NaN where it has none.

    At an edge the nearest of four depths is taken, since only a point in front of all that is there
    has moved.
    """
    carried = carry(frame, other)
    found = carried.found
    on_edge = found.farthest > _EDGE_RATIO * found.nearest
    surface = np.where(on_edge, found.nearest, found.between)
    error = (surface - carried.depth) / carried.depth
    met = np.isfinite(error)
    columns, rows = np.floor(carried.pixels[met] + 0.5).astype(np.intp).T
    columns, rows = (
        columns.clip(0, other.depth.shape[1] - 1),
        rows.clip(0, other.depth.shape[0] - 1),
    )
    uncertainty = other.uncertainty[rows, columns]
    usable = np.isfinite(frame.depth)
    error[met] /= np.sqrt((uncertainty**2 + frame.uncertainty[usable][met] ** 2) / 2)
    sigmas = np.full(frame.depth.shape, np.nan)
    if met.any():
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(error[met])))
        sigmas[usable] = error / max(sigma, _LEAST_SIGMA)
    return sigmas


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
