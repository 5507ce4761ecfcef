"""From reduced maps to pictures.

Shapes: S frames, h w patches. Maps are enlarged (bilinear) before they are coloured, and principal
components are coloured by themselves.
"""

import numpy as np
from PIL import Image

from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.draw.colormaps import NON_FINITE_RGB, colorise, robust_range

Range = tuple[float, float]

MASK_RANGE: Range = (-0.5, 0.5)
"""All values that the mask can have, so that its pictures can be compared with one another."""
_CONSTANT = 1e-6
"""A range below this share of the values is rounding noise in fp32, not a picture."""
_OVERLAY = 0.55
"""How much of the overlay is the heat map."""


def ranges_of_clip(maps: Float32Array) -> list[Range]:
    """Ends of the colour scale that hold for the whole clip, one pair a channel.

    Args:
        maps: (S, h, w), or (S, h, w, 3) for PCA.
    """
    channels = maps if maps.ndim == 4 else maps[..., None]
    return [_widened(*robust_range(channels[..., index])) for index in range(channels.shape[-1])]


def range_of_map(map_: Float32Array) -> Range:
    """Smallest and largest finite value of a map (h, w), as the original scales each picture.

    Low is below high always: a constant map gets a range around its value, and so the colour in the
    middle; a map without any finite value gets (0, 1).
    """
    finite = map_[np.isfinite(map_)]
    if not finite.size:
        return 0.0, 1.0
    return _widened(float(finite.min()), float(finite.max()))


def draw_map(
    map_: Float32Array, size: tuple[int, int], cmap: str, ranges: list[Range] | None
) -> UInt8Array:
    """Draw one map.

    Args:
        map_: (h, w), or (h, w, 3) for PCA; what is not finite becomes grey.
        size: (width, height) of the picture.
        cmap: name of a Matplotlib colour map, for (h, w).
        ranges: ends of the colour scale, one pair a channel; None for the map's own.

    Returns:
        (height, width, 3).
    """
    if map_.ndim == 2:
        low, high = ranges[0] if ranges else range_of_map(map_)
        return colorise(enlarged(map_, size), low, high, cmap)
    ranges = ranges or [range_of_map(map_[..., index]) for index in range(map_.shape[-1])]
    low_rgb, high_rgb = np.array(ranges).T
    channels = [enlarged(map_[..., index], size) for index in range(map_.shape[-1])]
    unit = np.clip((np.stack(channels, axis=-1) - low_rgb) / (high_rgb - low_rgb), 0, 1)
    finite = np.isfinite(unit).all(-1, keepdims=True)
    return np.where(finite, np.rint(255 * np.nan_to_num(unit)), NON_FINITE_RGB).astype(np.uint8)


def overlay(heat: UInt8Array, image: UInt8Array) -> UInt8Array:
    """Lay a heat map (H, W, 3) over the frame that it belongs to, in black and white.

    The frame (H', W', 3) is brought to the heat map's size; its colours would mix with those of the
    heat map.
    """
    height, width = heat.shape[:2]
    grey = Image.fromarray(image).convert("L").convert("RGB")
    below = grey.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(Image.blend(below, Image.fromarray(heat), _OVERLAY))


def enlarged(map_: Float32Array, size: tuple[int, int]) -> Float32Array:
    """A map (h, w) at another (width, height), bilinear, edges repeated."""
    picture = Image.fromarray(np.ascontiguousarray(map_, np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR), np.float32)


def _widened(low: float, high: float) -> Range:
    """Make sure that rounding noise does not fill the scale."""
    magnitude = max(abs(low), abs(high))
    if high - low > _CONSTANT * magnitude:
        return low, high
    middle, half = (low + high) / 2, max(magnitude, 1e-12)
    return middle - half, middle + half
