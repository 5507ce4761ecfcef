"""Point tracks drawn on pictures."""

from colorsys import hsv_to_rgb
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import UInt8Array

_MATCHES = 32
_SHORT_SIDE = 480
"""Pictures smaller than this are enlarged, for dots to be told apart."""


def draw_dots(image: UInt8Array, pixels: FloatArray, hues: FloatArray) -> UInt8Array:
    """Draw a dot at each point.

    Args:
        image: (H, W, 3) RGB.
        pixels: (N, 2) as (u, v); what is not finite is left out.
        hues: (N,) from 0 to 1.

    Returns:
        The picture, enlarged a whole number of times if it is small.
    """
    factor = _factor(image)
    picture = _enlarged(image, factor)
    draw = ImageDraw.Draw(picture)
    seen = np.isfinite(pixels).all(-1)
    for (u, v), hue in zip(_placed(pixels[seen], factor), hues[seen], strict=True):
        draw.ellipse((u - 3, v - 3, u + 3, v + 3), fill=_color(hue), outline="black")
    return np.asarray(picture)


def draw_matches(
    first: UInt8Array,
    last: UInt8Array,
    pixels_first: FloatArray,
    pixels_last: FloatArray,
    moving: NDArray[np.bool_],
) -> UInt8Array:
    """Draw two pictures side by side, with lines from some points to their places in the other.

    They are 32 at most, drawn by chance (always the same), up to half of them moving: these tell
    most.

    Args:
        first: (H, W, 3) RGB.
        last: (H, W, 3) RGB.
        pixels_first: (N, 2) as (u, v); not finite where a point cannot be seen.
        pixels_last: (N, 2) as (u, v).
        moving: (N,).

    Returns:
        A picture twice as wide, enlarged a whole number of times if it is small.
    """
    factor = _factor(first)
    drawable = np.isfinite(np.concatenate([pixels_first, pixels_last], axis=-1)).all(-1)
    some = _chosen(drawable, moving)
    right = np.add(_placed(pixels_last[some], factor), [first.shape[1] * factor, 0])
    left = _placed(pixels_first[some], factor)
    picture = _enlarged(np.concatenate([first, last], axis=1), factor)
    draw = ImageDraw.Draw(picture)
    for begin, end, hue in zip(left, right, some / len(moving), strict=True):
        draw.line([tuple(begin), tuple(end)], fill=_color(hue), width=1)
        for u, v in (begin, end):
            draw.ellipse((u - 4, v - 4, u + 4, v + 4), fill=_color(hue), outline="black")
    return np.asarray(picture)


def _chosen(drawable: NDArray[np.bool_], moving: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices of the points to draw."""
    order = np.random.default_rng(0).permutation(np.flatnonzero(drawable))
    some = order[moving[order]][: _MATCHES // 2]
    return np.concatenate([some, order[~moving[order]][: _MATCHES - len(some)]])


def _factor(image: UInt8Array) -> int:
    short_side: int = min(image.shape[:2])
    return max(1, ceil(_SHORT_SIDE / short_side))


def _enlarged(image: UInt8Array, factor: int) -> Image.Image:
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    return picture.resize((width * factor, height * factor), Image.Resampling.BICUBIC)


def _placed(pixels: FloatArray, factor: int) -> FloatArray:
    """Pixel centres in the enlarged picture."""
    return (pixels.astype(np.float64) + 0.5) * factor - 0.5


def _color(hue: float) -> tuple[int, ...]:
    return tuple(round(255 * channel) for channel in hsv_to_rgb(hue, 1, 1))
