"""Textures attached to surfaces: two mip-mapped patterns, each mixed in with a colour.

A material is linear in its patterns, so filtering the patterns filters the colours: what is too
fine for a pixel fades into its mean and cannot flicker (Williams, Pyramidal Parametrics, SIGGRAPH
1983). The pyramids of all patterns lie in one picture, so that one call of `grid_sample` reads
pixels of all surfaces.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.synthetic.patterns import CLOUDS, PATTERN_SIZE, STRUCTURES, pattern_bank

MATERIAL_CHANNELS = 3 + 2 * 9
"""Mean colour (3); for each of two layers the first row of the matrix from metres to tiles, which
is a rotation and a scale (2), offset in tiles (2), texels a metre (1), pattern (1), colour (3)."""

_LEVELS = 7
"""256, 128, …, 4 texels a side, each with a border of one texel, for interpolation."""
_STRIP_HEIGHT = PATTERN_SIZE + 2
_STRIP_WIDTH = sum((PATTERN_SIZE >> level) + 2 for level in range(_LEVELS))


def draw_materials(
    rng: np.random.Generator, count: int, *, tile_m: tuple[float, float], contrast: float
) -> Float32Array:
    """Draw materials: a structure of shapes in one colour, clouds in another.

    Args:
        rng: where the numbers come from.
        count: how many, N.
        tile_m: range of the side of the structure's tile; the clouds' is two to three times it.
        contrast: how far the colours go from the mean at most.

    Returns:
        (N, MATERIAL_CHANNELS).
    """
    tile = rng.uniform(*tile_m, count)
    amplitude = contrast * rng.uniform(0.6, 1.0, (count, 1))
    structure = _layer(
        rng.choice(STRUCTURES, count, replace=count > STRUCTURES),
        tile,
        rng.choice([0.0, 0.5], count) * np.pi + rng.normal(0, 0.03, count),
        rng.uniform(0, 1, (count, 2)),
        amplitude * _hue(rng, count, 0.5),
    )
    clouds = _layer(
        rng.integers(STRUCTURES, STRUCTURES + CLOUDS, count),
        tile * rng.uniform(2.0, 3.0, count),
        rng.uniform(0, 2 * np.pi, count),
        rng.uniform(0, 1, (count, 2)),
        0.8 * amplitude * _hue(rng, count, 0.9),
    )
    mean = 0.5 + 0.3 * (_hue(rng, count, 0.8) - 0.5) + rng.uniform(-0.12, 0.12, (count, 1))
    return np.concatenate([mean, structure, clouds], -1, dtype=np.float32)


def on_six_sides(rng: np.random.Generator, materials: Float32Array) -> Float32Array:
    """Give every body's six sides its material, each another part of it: (N, C) -> (N, 6, C)."""
    sides = np.repeat(materials[:, None], 6, axis=1)
    for offset in (5, 14):
        sides[..., offset : offset + 2] = rng.uniform(0, 1, (len(materials), 6, 2))
    return sides


def _hue(rng: np.random.Generator, count: int, saturation: float) -> Float64Array:
    """(N, 3) colours of strength about 1, towards grey as saturation falls."""
    color = rng.uniform(0, 1, (count, 3))
    color /= color.max(-1, keepdims=True)
    return np.asarray(saturation * color + 1 - saturation, np.float64)


def _layer(
    pattern: NDArray[np.int64],
    tile_m: Float64Array,
    angle: Float64Array,
    offset: Float64Array,
    color: Float64Array,
) -> Float64Array:
    row = [np.cos(angle) / tile_m, np.sin(angle) / tile_m]
    return np.column_stack([*row, offset, PATTERN_SIZE / tile_m, pattern, color])


def material_color(
    material: Sequence[Tensor], u_m: Tensor, v_m: Tensor, footprint_m: Tensor
) -> list[Tensor]:
    """Colour of surface points.

    Args:
        material: MATERIAL_CHANNELS of (F, P), float32 like the others.
        u_m: (F, P) place on the surface, metres.
        v_m: (F, P), across `u_m`.
        footprint_m: (F, P) side of the surface patch that the pixel sees.

    Returns:
        Red, green and blue (F, P), about [0, 1], not clamped.
    """
    color = list(material[:3])
    for first in (3, 12):
        cos, sin, offset_u, offset_v, texels_per_m, pattern = material[first : first + 6]
        u = cos * u_m - sin * v_m + offset_u
        v = sin * u_m + cos * v_m + offset_v
        value = _lookup(pattern, u - u.floor(), v - v.floor(), footprint_m * texels_per_m)
        for channel in range(3):
            color[channel] = color[channel] + material[first + 6 + channel] * value
    return color


def _lookup(pattern: Tensor, u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
    """Interpolate within and between the two levels whose texels match the footprint.

    Args:
        pattern: number of the pattern, as all others (F, P).
        u: in [0, 1), of the tile.
        v: in [0, 1).
        footprint: side of what the pixel sees, in texels of the finest level.
    """
    # A level for every power of two, and a blend that is linear between them.
    footprint = footprint.clamp(1, 1.999 * 2 ** (_LEVELS - 2))
    level = footprint.log2().floor()
    texel = level.exp2()
    side, blend = PATTERN_SIZE / texel, footprint / texel - 1
    finer = _read(pattern, u, v, side, 2 * level + 1)
    coarser = _read(pattern, u, v, side / 2, 2 * level + 3)
    return finer + blend * (coarser - finer)


def _read(pattern: Tensor, u: Tensor, v: Tensor, side: Tensor, borders: Tensor) -> Tensor:
    """Interpolate bilinearly at (u, v), in [0, 1), of the level of a side, `borders` texels in."""
    atlas = _atlas(u.device)
    height, width = atlas.shape[-2:]
    x = (2 * PATTERN_SIZE - 2 * side) + borders + u * side  # all finer levels lie to the left
    y = pattern * _STRIP_HEIGHT + 1 + v * side
    # As a complex number, because interleaving is faster so than by stacking.
    grid = torch.view_as_real(torch.complex(x * (2 / width) - 1, y * (2 / height) - 1))
    picture = atlas.expand(len(u), -1, -1, -1)
    return functional.grid_sample(picture, grid[:, None], align_corners=False)[:, 0, 0]


@lru_cache(maxsize=8)
def _atlas(device: torch.device) -> Tensor:
    """(1, 1, patterns · strip height, strip width): pyramids side by side, patterns in strips."""
    strips = np.zeros((STRUCTURES + CLOUDS, _STRIP_HEIGHT, _STRIP_WIDTH), np.float32)
    level, left = pattern_bank(), 0
    for _ in range(_LEVELS):
        side = level.shape[-1] + 2
        strips[:, :side, left : left + side] = np.pad(level, ((0, 0), (1, 1), (1, 1)), mode="wrap")
        level = level.reshape(len(level), side // 2 - 1, 2, side // 2 - 1, 2).mean((2, 4))
        left += side
    return torch.from_numpy(strips.reshape(1, 1, -1, _STRIP_WIDTH)).to(device)
