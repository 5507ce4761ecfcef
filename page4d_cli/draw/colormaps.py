"""Numbers to colours. Every colour map of the project is named here, and nowhere else."""

from collections.abc import Iterable
from functools import lru_cache
from math import ceil, sqrt

import numpy as np

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import UInt8Array

DEPTH = "inferno"
"""Of inverse depth, so that near is bright and warm. Perceptually uniform, so that it shows no
edges that are not there; readable for the colour-blind; dark to bright, so that video, which keeps
brightness sharper than hue, keeps its detail."""
CONFIDENCE = "viridis"
TIME = "viridis"
"""Of a clip's frames, from the first to the last."""
ERROR = "plasma"
FEATURES = "YlOrRd"
"""The original's."""
MASK = "RdBu"
"""Red is low: patches that the cameras are to look away from."""
NON_FINITE_RGB = (64, 64, 64)
"""A grey that the maps of depth and confidence do not contain."""

_LEVELS = 256
_SAMPLES_A_MAP = 2048
_MOST_SAMPLES = 2**20
"""Of a whole clip, so that the longest takes no more memory."""


def colorise(values: FloatArray, low: float, high: float, cmap: str) -> UInt8Array:
    """Map values to colours, clipping at both ends of the range.

    Args:
        values: (..., H, W); what is not finite becomes `NON_FINITE_RGB`.
        low: value of the first colour.
        high: value of the last colour, above `low`.
        cmap: name of a Matplotlib colour map.

    Returns:
        (..., H, W, 3).

    Raises:
        ValueError: `low` is not below `high`.
    """
    if not low < high:
        raise ValueError(f"the range is [{low}, {high}], expected low < high")
    finite = np.isfinite(values)
    unit = (np.clip(np.where(finite, values, low), low, high) - low) / (high - low)
    levels = np.rint(unit * (_LEVELS - 1)).astype(np.uint16)
    return _palette(cmap)[np.where(finite, levels, _LEVELS)]


def robust_range(arrays: Iterable[FloatArray]) -> tuple[float, float]:
    """The 2nd and 98th percentile of a clip's finite values, estimated on a grid of each map.

    Args:
        arrays: maps (H, W), read one at a time; about 2000 values of each are kept, fewer in a clip
            of more than about 500.

    Returns:
        (low, high) with low < high always: a constant clip gets a narrow range around its value,
        a clip without any finite value gets (0, 1).
    """
    samples: list[FloatArray] = [np.empty(0)]
    kept, every = 0, 1
    for array in arrays:
        step = max(1, ceil(sqrt(array.size / _SAMPLES_A_MAP)))
        grid = array[::step, ::step]
        samples.append(grid[np.isfinite(grid)][::every])
        kept += len(samples[-1])
        if kept > _MOST_SAMPLES:
            samples = [np.concatenate(samples)[::2]]
            kept, every = len(samples[0]), 2 * every
    finite = np.concatenate(samples).astype(np.float64)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, (2, 98)))
    margin = max(abs(low) * 1e-6, 1e-12)
    if high - low > margin:
        return low, high
    return low - margin, high + margin


@lru_cache
def _palette(cmap: str) -> UInt8Array:
    """(257, 3): the colours of the map, then the one for what is not finite."""
    from matplotlib import colormaps

    colors = colormaps[cmap](np.linspace(0, 1, _LEVELS), bytes=True)[:, :3]
    return np.concatenate([colors, np.array([NON_FINITE_RGB])]).astype(np.uint8)
