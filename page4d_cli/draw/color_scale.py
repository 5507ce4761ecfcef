"""What the colours of a clip's maps stand for: one scale for all frames, with its ends in words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import UInt8Array
from page4d_cli.draw.colormaps import CONFIDENCE, DEPTH, colorise

_LOWEST_SHARE = 1e-3  # the low end of a scale is at least this share of the high end


@dataclass(frozen=True)
class ColorScale:
    """Maps values to colours, and draws the bar that explains them."""

    name: str
    """What is shown, with its unit."""
    left: float
    """Value at the left end of the bar."""
    right: float
    """Value at the right end of the bar; not that of the left end."""
    cmap: str
    """Name of a Matplotlib colour map, perceptually uniform."""
    level: Callable[[FloatArray], FloatArray]
    """Of positive values: what grows (or falls) evenly from colour to colour."""

    def paint(self, map_: FloatArray) -> UInt8Array:
        """Colours (H, W, 3) of a map (H, W); what is not finite or not positive is grey."""
        valid = np.where((map_ > 0) & np.isfinite(map_), map_, np.nan).astype(np.float64)
        return self._colors(self.level(valid))

    def bar(self, width: int, height: int) -> UInt8Array:
        """The colours from the left end to the right end, (height, width, 3)."""
        left, right = self._levels()
        return np.repeat(self._colors(np.linspace(left, right, width)[None]), height, axis=0)

    def _levels(self) -> tuple[float, float]:
        left, right = self.level(np.array([self.left, self.right], np.float64))
        return float(left), float(right)

    def _colors(self, levels: FloatArray) -> UInt8Array:
        low, high = sorted(self._levels())
        return colorise(levels, low, high, self.cmap)


def depth_scale(near: float, far: float) -> ColorScale:
    """Depth by its inverse, which shows near things in detail: near is bright, far is dark.

    Args:
        near: depth of the brightest colour.
        far: depth of the darkest colour.

    Raises:
        ValueError: `near` is not below `far`.
    """
    return ColorScale("depth, relative", *_positive(near, far), DEPTH, np.reciprocal)


def confidence_scale(low: float, high: float) -> ColorScale:
    """Confidence by its logarithm, since a few pixels have many times that of the others.

    Args:
        low: confidence of the darkest colour.
        high: confidence of the brightest colour.

    Raises:
        ValueError: `low` is not below `high`.
    """
    return ColorScale("confidence", *_positive(low, high), CONFIDENCE, np.log)


def _positive(low: float, high: float) -> tuple[float, float]:
    """The same ends, as far as they are positive; those of a poor prediction need not be."""
    if not low < high:
        raise ValueError(f"the ends of the scale are {low} and {high}, expected low < high")
    high = max(high, 1e-12)
    return max(low, high * _LOWEST_SHARE), high
