"""Bring maps of the network's size to the pixels of the source picture."""

import numpy as np

from page4d_cli.core.types import Float32Array, Float64Array, PixelTransform


def to_source_pixels(map_: Float32Array, transform: PixelTransform) -> Float32Array:
    """Interpolate a map bilinearly at the centres of the source's pixels.

    Args:
        map_: (H, W) or (H, W, C), of the network's size.
        transform: where the source lies in the network's picture.

    Returns:
        (h, w) or (h, w, C) of the source's size. Source pixels that the network never saw, because
        the picture was cropped, are 0.
    """
    width, height = transform.source_size
    columns = np.stack([np.arange(width), np.zeros(width)], axis=-1)
    rows = np.stack([np.zeros(height), np.arange(height)], axis=-1)
    x = transform.to_network(columns.astype(np.float64))[:, 0]
    y = transform.to_network(rows.astype(np.float64))[:, 1]
    left, top, right, bottom = transform.content
    along_rows = _interpolate(map_, y, (top, bottom))
    result = _interpolate(np.swapaxes(along_rows, 0, 1), x, (left, right))
    result = np.ascontiguousarray(np.swapaxes(result, 0, 1))
    # Half a pixel beyond the outermost centre still belongs to the outermost pixel.
    result[(y < top - 0.5) | (y > bottom - 0.5)] = 0
    result[:, (x < left - 0.5) | (x > right - 0.5)] = 0
    return result


def _interpolate(map_: Float32Array, at: Float64Array, content: tuple[int, int]) -> Float32Array:
    """Linear interpolation along the first axis, within content = [begin, end)."""
    clamped = at.clip(content[0], content[1] - 1)
    lower = np.floor(clamped).astype(np.intp)
    upper = np.minimum(lower + 1, content[1] - 1)
    weight = (clamped - lower).astype(np.float32).reshape(-1, *[1] * (map_.ndim - 1))
    near = map_[lower]
    with np.errstate(invalid="ignore"):  # values that are not finite are left in place
        between = (1 - weight) * near + weight * map_[upper]
    # Where the weight is 0 the neighbour must not matter, even if it is not finite.
    return np.asarray(np.where(weight > 0, between, near), np.float32)
