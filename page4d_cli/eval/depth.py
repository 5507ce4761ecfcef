"""Depth metrics of a single image or a whole sequence."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import Align
from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.eval.alignment.absolute_sum import blocks
from page4d_cli.eval.alignment.fit import Alignment, fit_alignment, without_negligible
from page4d_cli.eval.depth_pixels import DepthPair, valid_pixels

MIN_DEPTH = 1e-5
"""Aligned depth is raised to this before logarithms and ratios."""
DELTA_BASE = 1.25


@dataclass(frozen=True)
class DepthMetrics:
    """Errors over valid pixels, aligned prediction a against ground truth g."""

    abs_rel: float
    """Mean of |a − g| / g."""
    sq_rel: float
    """Mean of (a − g)² / g, in the ground truth's unit."""
    rmse: float
    """Root of the mean of (a − g)², in the ground truth's unit."""
    log_rmse: float
    """Root of the mean of (ln a − ln g)²."""
    delta_1: float
    """Share of pixels with max(a / g, g / a) < 1.25."""
    delta_2: float
    """Share of pixels with max(a / g, g / a) < 1.25²."""
    delta_3: float
    """Share of pixels with max(a / g, g / a) < 1.25³."""
    valid_pixels: int

    def as_dict(self) -> dict[str, float]:
        """By the names of published tables: `Abs Rel`, …, `δ < 1.25^3`, `valid_pixels`."""
        return {key: getattr(self, name) for name, key in METRIC_KEYS.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> "DepthMetrics":
        """The inverse of `as_dict`."""
        *errors, pixels = (values[key] for key in METRIC_KEYS.values())
        return _named(np.array(errors), int(pixels))


METRIC_KEYS = {
    "abs_rel": "Abs Rel",
    "sq_rel": "Sq Rel",
    "rmse": "RMSE",
    "log_rmse": "Log RMSE",
    "delta_1": "δ < 1.25",
    "delta_2": "δ < 1.25^2",
    "delta_3": "δ < 1.25^3",
    "valid_pixels": "valid_pixels",
}
"""Field of `DepthMetrics` -> its name in tables and result files."""


@dataclass(frozen=True)
class DepthScore:
    """Metrics under one alignment, and that alignment."""

    alignment: Alignment
    metrics: DepthMetrics


def score_depth(
    frames: Iterable[DepthPair],
    aligns: Collection[Align],
    *,
    max_depth: float | None,
    clip: float | None = None,
    zeroes_negligible: bool = False,
) -> dict[Align, DepthScore]:
    """Score predicted depth, with one alignment over all frames together.

    For video give the frames of a sequence, for mono one frame a call and `average_metrics` of the
    results. Frames are taken one after another and once. Medians need all valid pixels together, so
    these are kept, 12 bytes each; fits take 8 bytes more (4 more again for `SCALE_SHIFT`).

    Args:
        frames: pairs (prediction (h, w), ground truth (H, W)), planar z. Predictions of another
            size are resized bicubically. Ground truth is valid above 0 and below `max_depth`.
        aligns: one or several; the frames are read once for all of them.
        max_depth: in the ground truth's unit; None for no limit.
        clip: aligned depth above this is lowered to it; None for no clip.
        zeroes_negligible: under `Align.SCALE_SHIFT`, predictions below 1e-5 count as 0 in the
            metrics, too, and not in the fit alone.

    Returns:
        The score under each alignment, in the order of `aligns`.

    Raises:
        EvaluationError: no pixel is valid, a prediction is not finite where ground truth is valid,
            or an alignment has no solution.
    """
    prediction, ground_truth = valid_pixels(frames, max_depth)
    scores = {}
    for align in aligns:
        alignment = fit_alignment(align, prediction, ground_truth)
        zeroed = zeroes_negligible and align is Align.SCALE_SHIFT
        scored = without_negligible(prediction) if zeroed else prediction
        metrics = depth_metrics(scored, ground_truth, alignment, clip=clip)
        scores[align] = DepthScore(alignment, metrics)
    return scores


def depth_metrics(
    prediction: Float32Array,
    ground_truth: FloatArray,
    alignment: Alignment,
    *,
    clip: float | None = None,
) -> DepthMetrics:
    """Metrics of an aligned prediction.

    Args:
        prediction: (N,) depth at valid pixels, finite.
        ground_truth: (N,) depth there, above 0; N at least 1.
        alignment: what brings the prediction to the ground truth's unit.
        clip: aligned depth above this is lowered to it; None for no clip.
    """
    total = np.zeros(7)
    for p, g in blocks(prediction, ground_truth):
        aligned = alignment.scale * p + alignment.shift
        total += _sums(aligned if clip is None else np.minimum(aligned, clip), g)
    mean = total / len(ground_truth)
    mean[2:4] = np.sqrt(mean[2:4])
    return _named(mean, len(ground_truth))


def average_metrics(metrics: Iterable[DepthMetrics]) -> DepthMetrics:
    """Mean over images or sequences, weighted by their valid pixels; `valid_pixels` is the total.

    Raises:
        EvaluationError: there are none.
    """
    rows = [[getattr(each, field.name) for field in fields(DepthMetrics)] for each in metrics]
    if not rows:
        raise EvaluationError("nothing was scored: there are no metrics to average")
    table = np.array(rows, np.float64)
    mean = np.average(table[:, :-1], axis=0, weights=table[:, -1])
    return _named(mean, int(table[:, -1].sum()))


def _named(values: Float64Array, valid_pixels: int) -> DepthMetrics:
    """The seven errors and shares, in their order, and the pixels."""
    abs_rel, sq_rel, rmse, log_rmse, delta_1, delta_2, delta_3 = values.tolist()
    return DepthMetrics(abs_rel, sq_rel, rmse, log_rmse, delta_1, delta_2, delta_3, valid_pixels)


def _sums(aligned: Float64Array, ground_truth: Float64Array) -> NDArray[np.float64]:
    """Sums over pixels of what the metrics are means of, in their order."""
    difference = aligned - ground_truth
    squared = difference * difference
    positive = np.maximum(aligned, MIN_DEPTH)
    ratio = np.maximum(positive / ground_truth, ground_truth / positive)
    logarithm = np.log(positive / ground_truth)
    return np.array(
        [
            (np.abs(difference) / ground_truth).sum(),
            (squared / ground_truth).sum(),
            squared.sum(),
            logarithm @ logarithm,
            *((ratio < DELTA_BASE**power).sum() for power in (1, 2, 3)),
        ]
    )
