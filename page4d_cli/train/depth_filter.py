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
        percents = (options.low_percent, options.high_percent)
        low, high = np.percentile(counted.astype(np.float64), percents)
        if low > 0:
            valid &= depth >= low
        if high > 0:
            valid &= depth <= high
    return np.where(valid, depth, np.float32(0))
