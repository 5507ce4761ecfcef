"""Σ |g − s p − t| over many pixels, exact and cheap while s and t stay in a small box.

In the box most residuals keep their sign; those add up to a linear function once and for all, and
only the others are looked at one by one. Portnoy and Koenker use this for quantile regression (The
Gaussian Hare and the Laplacian Tortoise, Statistical Science 12(4), 1997, "globbing").
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float64Array

BLOCK = 1 << 13
"""Pixels that are worked on at a time, to stay in the processor's cache. Few enough that no BLAS
shares a product of two such vectors among threads: where others work too, waiting for one another
costs ten times as much as all the rest."""


def blocks(
    prediction: FloatArray, ground_truth: FloatArray
) -> Iterator[tuple[Float64Array, Float64Array]]:
    """Both arrays (N,) in pieces of at most `BLOCK` pixels, in double precision."""
    for start in range(0, len(prediction), BLOCK):
        part = slice(start, start + BLOCK)
        yield prediction[part].astype(np.float64), ground_truth[part].astype(np.float64)


@dataclass(frozen=True)
class ScaleShiftBox:
    """Ranges of scale and shift, ends included."""

    scale: tuple[float, float]
    shift: tuple[float, float]

    def holds(self, scale: float, shift: float) -> bool:
        """Whether a point lies in the box."""
        (scale_from, scale_to), (shift_from, shift_to) = self.scale, self.shift
        return scale_from <= scale <= scale_to and shift_from <= shift <= shift_to


@dataclass(frozen=True)
class AbsoluteSum:
    """The sum over undecided pixels, and what is known of all others."""

    prediction: FloatArray
    """(N,) at least 0, of undecided pixels."""
    ground_truth: FloatArray
    """(N,)."""
    above: int = 0
    """Pixels whose residual g − s p − t is positive everywhere in the box."""
    below: int = 0
    """Pixels whose residual is negative everywhere in the box."""
    net_prediction: float = 0.0
    """Predictions of the pixels above minus those of the pixels below."""
    net_ground_truth: float = 0.0

    def within(self, box: ScaleShiftBox) -> "AbsoluteSum":
        """The same sum for scales and shifts of a smaller box."""
        undecided, above, below, net = [], self.above, self.below, np.zeros(2)
        for p, g in blocks(self.prediction, self.ground_truth):
            is_above = g - box.scale[1] * p > box.shift[1]
            is_below = g - box.scale[0] * p < box.shift[0]
            above += int(np.count_nonzero(is_above))
            below += int(np.count_nonzero(is_below))
            sign = is_above.astype(np.float64) - is_below
            net += sign @ p, sign @ g
            chosen = np.flatnonzero(sign == 0)
            undecided.append((p[chosen], g[chosen]))
        return AbsoluteSum(
            np.concatenate([p for p, _ in undecided]),
            np.concatenate([g for _, g in undecided]),
            above,
            below,
            self.net_prediction + float(net[0]),
            self.net_ground_truth + float(net[1]),
        )

    def value_and_gradient(self, scale: float, shift: float) -> tuple[float, float, float]:
        """The sum and its derivatives by scale and shift; a residual of 0 has derivative 0."""
        residual = self.ground_truth - scale * self.prediction - shift
        sign = np.sign(residual)
        decided = self.above - self.below
        known = self.net_ground_truth - scale * self.net_prediction - shift * decided
        return (
            known + float(np.abs(residual).sum()),
            -self.net_prediction - float((sign * self.prediction).sum()),
            -float(decided + sign.sum()),
        )
