"""Bring predicted depth to the unit of the ground truth: aligned = scale · prediction + shift.

One fit serves an image (mono) or a whole sequence (video). All sums are in double precision.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.enums import Align
from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array
from page4d_cli.eval.alignment.absolute_sum import blocks
from page4d_cli.eval.alignment.descent import descend
from page4d_cli.eval.alignment.least_absolute import fit_least_absolute

SCALE_STEPS = 10
SCALE_EPSILON = 1e-8
MIN_SCALE = 1e-3
"""Lowest scale that `Align.SCALE` gives."""
NEGLIGIBLE_DEPTH = 1e-5
"""Predictions below this count as 0 in `Align.SCALE_SHIFT`."""


@dataclass(frozen=True)
class Alignment:
    """What a prediction is multiplied by, and what is then added, in the ground truth's unit."""

    scale: float
    shift: float = 0.0


def fit_alignment(align: Align, prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    """Fit a prediction to ground truth over all pixels together.

    Args:
        align: the kind of fit.
        prediction: (N,) depth at valid pixels, finite, in any unit.
        ground_truth: (N,) depth there, above 0.

    Raises:
        EvaluationError: there are no pixels, or the fit has no solution, as for a prediction whose
            median is 0.
    """
    if not len(ground_truth):
        raise EvaluationError("no pixel has valid ground truth: there is nothing to align")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        alignment = _FITS[align](prediction, ground_truth)
    if not np.isfinite([alignment.scale, alignment.shift]).all():
        raise EvaluationError(
            f"the alignment '{align.value}' gives scale {alignment.scale:g} and shift "
            f"{alignment.shift:g}: the predicted depth is the same everywhere, or 0 at most "
            f"pixels; look at the prediction, or use the alignment '{Align.METRIC.value}'"
        )
    return alignment


def without_negligible(prediction: Float32Array) -> Float32Array:
    """A copy with 0 for what is below `NEGLIGIBLE_DEPTH`."""
    return np.where(prediction < NEGLIGIBLE_DEPTH, np.float32(0), prediction)


def _median(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    return Alignment(_ratio(_lower_median(ground_truth), _lower_median(prediction)))


def _scale(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    """Ten steps s = Σ w p g / Σ w p² with w = 1 / (|s p − g| + 1e-8).

    s p is rounded to single precision, as where published numbers come from: a pixel that happens
    to fit weighs up to 1e8 times as much as others, and rounding decides which one does.
    """
    total_prediction = float(prediction.sum(dtype=np.float64))
    scale = _ratio(float(ground_truth.sum(dtype=np.float64)), total_prediction)
    for _ in range(SCALE_STEPS):
        above = below = 0.0
        for p, g in blocks(prediction, ground_truth):
            scaled = p.astype(np.float32) * np.float32(scale)
            weighted = p / (np.abs(scaled - g) + SCALE_EPSILON)
            above += float(weighted @ g)
            below += float(weighted @ p)
        scale = _ratio(above, below)
    return Alignment(max(scale, MIN_SCALE))


def _scale_shift(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    kept = without_negligible(prediction)
    start = _median(kept, ground_truth).scale
    if not np.isfinite(start):
        return Alignment(start)
    return Alignment(*descend(kept, ground_truth, start))


def _scale_shift_l1(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    return Alignment(*fit_least_absolute(prediction, ground_truth))


def _least_squares(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:
    """Around the means, where the normal equations are well conditioned."""
    mean_p = float(prediction.mean(dtype=np.float64))
    mean_g = float(ground_truth.mean(dtype=np.float64))
    covariance = variance = 0.0
    for p, g in blocks(prediction, ground_truth):
        p -= mean_p
        covariance += float(p @ (g - mean_g))
        variance += float(p @ p)
    scale = _ratio(covariance, variance)
    return Alignment(scale, mean_g - scale * mean_p)


def _metric(prediction: Float32Array, ground_truth: FloatArray) -> Alignment:  # noqa: ARG001
    return Alignment(1.0)


def _lower_median(values: FloatArray) -> float:
    """Of two middle values the lower one, as in torch, which published numbers are made with."""
    return float(np.quantile(values, 0.5, method="lower"))


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")


_FITS: dict[Align, Callable[[Float32Array, FloatArray], Alignment]] = {
    Align.MEDIAN: _median,
    Align.SCALE: _scale,
    Align.SCALE_SHIFT: _scale_shift,
    Align.SCALE_SHIFT_L1: _scale_shift_l1,
    Align.LSTSQ: _least_squares,
    Align.METRIC: _metric,
}
