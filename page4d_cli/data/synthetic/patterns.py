"""The bank of periodic grey patterns that all textures are mixed from.

Drawn once a process from a fixed seed, so a pattern's number means the same everywhere.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float32Array, Float64Array

PATTERN_SIZE = 256
"""Side in texels; every pattern repeats itself without a seam."""
_OVERSAMPLING = 2
_BANK_SEED = 4

STRUCTURES = 18
"""The first so many patterns have shapes: bricks, planks, tiles, stripes, cells, dots, blots."""
CLOUDS = 6
"""The others are noise on all scales."""


@lru_cache(maxsize=1)
def pattern_bank() -> Float32Array:
    """(STRUCTURES + CLOUDS, PATTERN_SIZE, PATTERN_SIZE) within [-1, 1], each of mean 0."""
    rng = np.random.default_rng(_BANK_SEED)
    makers = (_bricks, _planks, _tiles, _stripes, _cells, _dots)
    fine = [makers[index % len(makers)](rng) for index in range(STRUCTURES - 3)]
    fine += [_blots(rng) for _ in range(3)]
    fine += [_cloud(rng, slope) for slope in np.linspace(1.0, 1.6, CLOUDS)]
    return np.stack([_finish(one) for one in fine])


def _finish(fine: Float64Array) -> Float32Array:
    """Average over texels, take the mean away, and bring to the range."""
    averaged = fine.reshape(PATTERN_SIZE, _OVERSAMPLING, PATTERN_SIZE, _OVERSAMPLING).mean((1, 3))
    centred = averaged - averaged.mean()
    return np.asarray(centred / np.abs(centred).max(), np.float32)


def _grid() -> tuple[Float64Array, Float64Array]:
    """(x, y) of the oversampled texels' centres, within [0, 1)."""
    count = PATTERN_SIZE * _OVERSAMPLING
    axis = (np.arange(count) + 0.5) / count
    x, y = np.meshgrid(axis, axis)
    return x, y


def _cloud(rng: np.random.Generator, slope: float) -> Float64Array:
    """Noise whose amplitude falls with frequency^slope."""
    count = PATTERN_SIZE * _OVERSAMPLING
    frequency = np.hypot(np.fft.fftfreq(count)[:, None], np.fft.rfftfreq(count)) * count
    spectrum = np.fft.rfft2(rng.standard_normal((count, count)))
    spectrum *= np.where(frequency > 0, np.maximum(frequency, 1) ** -slope, 0)
    noise = np.fft.irfft2(spectrum, (count, count))
    return np.asarray((noise / noise.std()).clip(-2.5, 2.5), np.float64)


def _blots(rng: np.random.Generator) -> Float64Array:
    """Noise cut into a few flat shades, as camouflage is."""
    return np.digitize(_cloud(rng, 1.7), np.sort(rng.uniform(-1.2, 1.2, 3))).astype(np.float64)


def _cells_of(
    row: NDArray[np.int64], column: NDArray[np.int64], shades: Float64Array
) -> Float64Array:
    return np.asarray(shades[row % shades.shape[0], column % shades.shape[1]], np.float64)


def _masonry(rng: np.random.Generator, rows: int, columns: int, shift: float) -> Float64Array:
    """Rectangles of one shade each between darker joints; `shift` moves every second row."""
    x, y = _grid()
    row = np.floor(y * rows).astype(np.int64)
    along = x * columns + shift * (row % 2)
    column = np.floor(along).astype(np.int64)
    shade = _cells_of(row, column, rng.uniform(-0.6, 1.0, (rows, columns)))
    edge = 0.04
    joint = (along - column < edge * columns / 4) | (y * rows - row < edge * rows / 4)
    return np.where(joint, -1.2, shade)


def _bricks(rng: np.random.Generator) -> Float64Array:
    return _masonry(rng, 8 + 2 * int(rng.integers(2)), 4, 0.5)


def _planks(rng: np.random.Generator) -> Float64Array:
    return _masonry(rng, 8, 2, 0.37) + 0.25 * np.repeat(_cloud(rng, 0.8)[:, :1], 512, axis=1)


def _tiles(rng: np.random.Generator) -> Float64Array:
    count = 4 + 2 * int(rng.integers(3))
    x, y = _grid()
    squares = np.floor(x * count).astype(np.int64) + np.floor(y * count).astype(np.int64)
    return 0.8 * _masonry(rng, count, count, 0.0) + (squares % 2)


def _stripes(rng: np.random.Generator) -> Float64Array:
    """Parallel stripes of random widths and shades, running diagonally or straight."""
    x, y = _grid()
    edges = np.sort(rng.uniform(0, 1, 14))
    across = (x + int(rng.integers(0, 2)) * y) % 1.0
    shades = rng.uniform(-1, 1, 15)
    shades[-1] = shades[0]
    return np.asarray(shades[np.searchsorted(edges, across)], np.float64)


def _cells(rng: np.random.Generator) -> Float64Array:
    """Voronoi cells of random shades with dark borders: flagstones, crazy paving."""
    nearest, second, shade = _nearest(rng, 40)
    return np.where(second - nearest < 0.012, -1.2, shade)


def _dots(rng: np.random.Generator) -> Float64Array:
    """Discs of several sizes on an even ground: terrazzo."""
    nearest, _, shade = _nearest(rng, 60)
    return np.where(nearest < 0.035 + 0.03 * np.abs(shade), shade, 0.0)


def _nearest(
    rng: np.random.Generator, count: int
) -> tuple[Float32Array, Float32Array, Float64Array]:
    """Distances to the nearest and the second point of a random set, and the nearest's shade."""
    x, y = (axis.astype(np.float32) for axis in _grid())
    nearest, second = np.full_like(x, 2), np.full_like(x, 2)
    shade = np.zeros_like(x)
    points = rng.uniform(0, 1, (count, 2)).astype(np.float32)
    for (px, py), value in zip(points, rng.uniform(-1, 1, count), strict=True):
        dx, dy = np.abs(x - px), np.abs(y - py)
        np.minimum(dx, 1 - dx, out=dx)
        np.minimum(dy, 1 - dy, out=dy)
        squared = dx * dx + dy * dy
        np.minimum(second, np.maximum(nearest, squared), out=second)
        shade[squared < nearest] = value
        np.minimum(nearest, squared, out=nearest)
    return np.sqrt(nearest), np.sqrt(second), shade.astype(np.float64)
