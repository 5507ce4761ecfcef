"""The line of least absolute deviations, exactly: min over s, t of Σ |g − s p − t|.

For a given scale s the best shift is the median of g − s p. What remains is a convex, piecewise
linear function of s alone, whose minimum is bracketed by the sign of its slope; the bracket is then
halved until no number lies between. With p ≥ 0 the best shift falls as s grows, so a bracket of s
bounds t too, and each halving decides the signs of more pixels for good (`absolute_sum.py`).
"""

from dataclasses import dataclass

import numpy as np

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.eval.alignment.absolute_sum import AbsoluteSum, ScaleShiftBox, blocks

_SAMPLE = 1 << 16
_GROWTH = 4.0


@dataclass(frozen=True)
class _Point:
    """A scale, its best shift, and the slopes there of the sum under the best shift."""

    scale: float
    shift: float
    slopes: tuple[float, float]
    """Lowest and highest subgradient; the minimum is where 0 lies between them."""

    @property
    def direction(self) -> int:
        """Where the minimum is: 1 at a higher scale, −1 at a lower one, 0 here."""
        return int(self.slopes[1] < 0) - int(self.slopes[0] > 0)


def fit_least_absolute(prediction: Float32Array, ground_truth: FloatArray) -> tuple[float, float]:
    """Scale and shift that minimise Σ |g − s p − t|, to the last bits of double precision.

    Time is that of a few medians over all pixels. Memory is 8 bytes a pixel beside the arguments,
    16 if there are negative predictions.

    Args:
        prediction: (N,), N at least 1, finite.
        ground_truth: (N,), finite.

    Returns:
        Scale and shift; not a number if all predictions are the same, where every scale is best.
    """
    lowest, highest = float(prediction.min()), float(prediction.max())
    if lowest == highest:
        return float("nan"), float("nan")
    if lowest >= 0:
        return _fit(prediction, ground_truth)
    scale, shift = _fit(prediction.astype(np.float64) - lowest, ground_truth)
    return scale, shift - scale * lowest


def _fit(prediction: FloatArray, ground_truth: FloatArray) -> tuple[float, float]:
    start, step = _start(prediction, ground_truth)
    everything = AbsoluteSum(prediction, ground_truth)
    low, high = _bracket(everything, start, step)
    nearby = everything
    while low.scale < high.scale:
        middle = low.scale + (high.scale - low.scale) / 2
        if not low.scale < middle < high.scale:
            break
        nearby = nearby.within(ScaleShiftBox((low.scale, high.scale), (high.shift, low.shift)))
        point = _best_shift(nearby, middle)
        low, high = _halve(low, point, high)
    return low.scale, low.shift


def _halve(low: _Point, middle: _Point, high: _Point) -> tuple[_Point, _Point]:
    return (
        low if middle.direction < 0 else middle,
        high if middle.direction > 0 else middle,
    )


def _start(prediction: FloatArray, ground_truth: FloatArray) -> tuple[float, float]:
    """A scale near the best one, and about how near: from a sample of the pixels if they are many.

    The result does not depend on it, only the time.
    """
    if len(prediction) > 4 * _SAMPLE:
        chosen = np.random.default_rng(0).integers(len(prediction), size=_SAMPLE)
        p, g = prediction[chosen].astype(np.float64), ground_truth[chosen].astype(np.float64)
        if p.std() > 0:
            scale, shift = _fit(p, g)
            error = float(np.abs(g - scale * p - shift).mean() / p.std()) / np.sqrt(len(p))
            return scale, 4 * float(error)
    p, g = prediction.astype(np.float64), ground_truth.astype(np.float64)
    p -= p.mean()
    variance = float(p @ p)
    scale = float(p @ g) / variance
    return scale, float(np.abs(g - g.mean()).sum() / np.abs(p).sum())


def _bracket(everything: AbsoluteSum, start: float, step: float) -> tuple[_Point, _Point]:
    """Two scales around the minimum, the lower one first; the same one twice if it is the best."""
    point = _best_shift(everything, start)
    direction = point.direction
    step = max(step, 1e-12 * abs(start), 1e-300)
    while point.direction == direction != 0:
        before, point = point, _best_shift(everything, point.scale + direction * step)
        step *= _GROWTH
    if point.direction == 0:
        return point, point
    return (before, point) if direction > 0 else (point, before)


def _best_shift(pixels: AbsoluteSum, scale: float) -> _Point:
    """The lower median of g − s p over all pixels, and the slopes of the sum there."""
    residual = _residual(pixels.prediction, pixels.ground_truth, scale)
    rank = (pixels.above + pixels.below + len(residual) - 1) // 2 - pixels.below
    residual.partition(rank)
    shift = float(residual[rank])
    del residual  # out of order now; calculating it again in small pieces saves memory
    net_prediction, net_count, tied = pixels.net_prediction, pixels.above - pixels.below, []
    for p, g in blocks(pixels.prediction, pixels.ground_truth):
        sign = np.sign(_residual(p, g, scale) - shift)
        net_prediction += float(sign @ p)
        net_count += int(sign.sum())
        tied.append(p[sign == 0])
    slopes = _slopes(net_prediction, net_count, np.sort(np.concatenate(tied)))
    return _Point(scale, shift, slopes)


def _residual(prediction: FloatArray, ground_truth: FloatArray, scale: float) -> Float64Array:
    result = np.multiply(prediction, -scale, dtype=np.float64)
    result += ground_truth
    return result


def _slopes(net_prediction: float, net_count: int, tied: Float64Array) -> tuple[float, float]:
    """Range of −Σ w p, where w is the sign of a residual, and any number in [−1, 1] if that is 0.

    The shift is the best one, so Σ w = 0: of the tied pixels a known number has w = 1 and the rest
    −1, with one in between at most. The range ends where the smallest or the largest have w = 1.

    Args:
        net_prediction: Σ w p over the others.
        net_count: Σ w over the others.
        tied: (M,) predictions with a residual of 0, ascending.
    """
    share = np.clip((len(tied) - net_count) / 2 - np.arange(len(tied)), 0, 1)
    weights = 2 * share - 1
    return -net_prediction - float(weights @ tied[::-1]), -net_prediction - float(weights @ tied)
