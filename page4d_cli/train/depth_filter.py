"""Throw out the nearest and farthest depths of a map, where sensors and renderers go wrong."""

from dataclasses import dataclass

import numpy as np

from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float32Array

LEAST_DEPTH = 1e-8
"""Depth at or below this is invalid."""


@dataclass(frozen=True)
class DepthFilterOptions:
    """Which depths are kept."""

    low_percent: float = 1.0
    """Depths below this percentile become invalid."""
    high_percent: float = 98.0
    """Depths above this percentile become invalid."""
    max_depth: float | None = None
    """Depths above this become invalid before the percentiles are taken. Unit of the depth."""
    count_invalid: bool = False
    """Take the percentiles over all pixels, invalid ones as 0, as the original does: that filters
    nothing in a map with few valid pixels and far too much in one with some more."""

    def __post_init__(self) -> None:
        if not 0 <= self.low_percent < self.high_percent <= 100:
            raise InputError(
                f"depth percentiles {self.low_percent:g} and {self.high_percent:g} are not "
                "allowed; give 0 <= low < high <= 100"
            )


def filter_depth(depth: Float32Array, options: DepthFilterOptions) -> Float32Array:
    """Set extreme and invalid depths to 0.

    Args:
        depth: (H, W); 0, negative or not finite is invalid.
        options: what is extreme.

    Returns:
        (H, W), finite, 0 where invalid. The input is left as it is.
    """
    valid = np.isfinite(depth) & (depth > LEAST_DEPTH)
    if options.max_depth is not None:
        valid &= depth <= options.max_depth
    counted = np.where(valid, depth, 0) if options.count_invalid else depth[valid]
    if counted.size:
        values = counted.ravel()
        low, high = (_percentile(values, q) for q in (options.low_percent, options.high_percent))
        if low > 0:
            valid &= depth >= low
        if high > 0:
            valid &= depth <= high
    return np.where(valid, depth, np.float32(0))


def _percentile(values: Float32Array, percent: float) -> float:
    """`numpy.percentile` of the values as float64; leaves them in another order.

    NumPy's own takes thrice as long: it copies to float64 and looks for several places at once,
    which none of its fast ways of partitioning can.

    Args:
        values: (N,), N > 0, finite.
        percent: 0 to 100.
    """
    place = (len(values) - 1) * (percent / 100)
    index = int(place)
    values.partition(index)
    below = float(values[index])
    above = float(values[index + 1 :].min(initial=np.inf)) if place > index else below
    part, step = place - index, above - below
    return above - step * (1 - part) if part >= 0.5 else below + step * part  # rounded as NumPy's
