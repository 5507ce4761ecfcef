"""Colour of the surface points that rays hit.

Every body is textured by a cube map about its own centre: the direction from the centre chooses one
of six sides and a place on it. So textures are attached to the bodies and need no case for shapes.

Shapes: F frames, P rays a frame, K slots, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from page4d_cli.data.synthetic.ray_casting import Placed
from page4d_cli.data.synthetic.scene import Shape, SyntheticScene
from page4d_cli.data.synthetic.textures import MATERIAL_CHANNELS, material_color

_AMBIENT = 0.7
"""Light that comes from everywhere; a lamp far away adds at most, or takes, the rest."""
_LEAST_COSINE = 0.05
"""Of the angle at which a surface is seen: flatter ones are filtered as if they were not."""


def shade(
    scenes: Sequence[SyntheticScene],
    placed: Placed,
    rays: tuple[Tensor, Tensor],
    hits: tuple[Tensor, Tensor],
    focal_px: Tensor,
) -> list[Tensor]:
    """Colour what rays hit.

    Args:
        scenes: B of them, which share the F frames evenly.
        placed: their bodies.
        rays: x and y of the directions (x, y, 1), each (F, P).
        hits: depth (F, P), and slot (F, P).
        focal_px: (F, 1).

    Returns:
        Red, green and blue (F, P), about [0, 1], not clamped.
    """
    depth, slot = hits
    x, y = rays
    point = _locate(placed, rays, depth, slot)
    side = _Side.of(point)
    material = _gather(_materials(scenes, placed).to(depth), slot * 6 + side.number)
    length = _root(x * x + (y * y + 1))
    cosine = (side.facing(point, point.view) / length).abs().clamp(min=_LEAST_COSINE)
    # Between the footprint's longer side, cosine^-1, and that of a square of its area, cosine^-½.
    slant = cosine * _root(_root(cosine).reciprocal())
    footprint_m = depth * (side.stretch * side.stretch) / (focal_px * slant)
    light = _AMBIENT + (1 - _AMBIENT) * point.outward * side.facing(point, point.light)
    color = material_color(material, side.u_m, side.v_m, footprint_m)
    return [light * channel for channel in color]


def _root(values: Tensor) -> Tensor:
    """Square root of positive numbers; `Tensor.sqrt` rounds as the CPU's library likes."""
    return values * values.rsqrt()


@dataclass(frozen=True)
class _Points:
    """Surface points in the frames of their bodies; all numbers and components (F, P)."""

    position_m: Sequence[Tensor]
    unit: Sequence[Tensor]
    """The position over the body's half sizes."""
    view: Sequence[Tensor]
    """Direction of the ray, as long as (x, y, 1)."""
    light: Sequence[Tensor]
    """Unit vector towards the light."""
    is_cornered: Tensor
    """1 for rooms and boxes, whose sides are all flat."""
    is_round: Tensor
    """1 for balls, which have no flat side."""
    outward: Tensor
    """-1 for the room, which is seen from inside."""


def _locate(
    placed: Placed,
    rays: tuple[Tensor, Tensor],
    depth: Tensor,
    slot: Tensor,
) -> _Points:
    frames, slots = placed.centre.shape[:2]
    kinds = [
        [shape in (Shape.ROOM, Shape.BOX), shape is Shape.SPHERE, 1 - 2 * (shape is Shape.ROOM)]
        for shape in placed.shapes
    ]
    table = np.concatenate(
        [
            placed.rotation.reshape(frames, slots, 9),
            placed.centre,
            1 / placed.half_size_m,
            placed.light,
            np.broadcast_to(np.array(kinds, np.float64), (frames, slots, 3)),
        ],
        axis=-1,
    )
    values = _gather(torch.from_numpy(table).to(depth), slot)
    x, y = rays
    axes = range(3)
    view = [values[3 * a] * x + values[3 * a + 1] * y + values[3 * a + 2] for a in axes]
    position = [values[9 + a] + depth * view[a] for a in axes]
    unit = [position[a] * values[12 + a] for a in axes]
    return _Points(position, unit, view, values[15:18], *values[18:])


@dataclass(frozen=True)
class _Side:
    """Which of a body's six sides points lie on, and where; all (F, P)."""

    number: Tensor
    """0 to 5: -x, +x, -y, +y, -z, +z."""
    u_m: Tensor
    v_m: Tensor
    stretch: Tensor
    """1 on flat sides, more towards the corners of the cube map on round ones."""
    along_x: Tensor
    along_y: Tensor
    sign: Tensor
    is_flat: Tensor

    @classmethod
    def of(cls, point: _Points) -> "_Side":
        """Choose the axis on which a point is farthest out."""
        x, y, z = (component.abs() for component in point.unit)
        along_x = (x >= y) & (x >= z)
        along_y = ~along_x & (y >= z)
        stretch = 1 / torch.maximum(torch.maximum(x, y), z)
        px, py, pz = point.position_m
        chosen = torch.where(along_x, px, torch.where(along_y, py, pz))
        is_positive = (chosen > 0).view(torch.uint8)
        on_cap = (point.is_round == 0) & (z * z >= x * x + y * y)
        return cls(
            number=4 - 4 * along_x.view(torch.uint8) - 2 * along_y.view(torch.uint8) + is_positive,
            u_m=torch.where(along_x, py, px) * stretch,
            v_m=torch.where(along_x | along_y, pz, py) * stretch,
            stretch=stretch,
            along_x=along_x,
            along_y=along_y,
            sign=chosen.sign(),
            is_flat=(point.is_cornered > 0) | on_cap,
        )

    def facing(self, point: _Points, vector: Sequence[Tensor]) -> Tensor:
        """Product of the body's outward unit normal and a vector."""
        x, y, z = vector
        across = self.sign * torch.where(self.along_x, x, torch.where(self.along_y, y, z))
        ux, uy, uz = point.unit
        radial = ux * x + uy * y + point.is_round * uz * z
        return torch.where(self.is_flat, across, radial)


def _materials(scenes: Sequence[SyntheticScene], placed: Placed) -> Tensor:
    """(F, 6 K, C) of every side of every slot."""
    frames = len(placed.centre) // len(scenes)
    rows = [scene.materials[body] for scene, body in zip(scenes, placed.body, strict=True)]
    table = np.stack(rows).reshape(len(scenes), -1, MATERIAL_CHANNELS)
    return torch.from_numpy(np.repeat(table, frames, axis=0))


def _gather(table: Tensor, index: Tensor) -> list[Tensor]:
    """Rows of a table (F, N, C) of every frame by a small index (F, P): C of (F, P)."""
    frames, rows, channels = table.shape
    first = torch.arange(frames, dtype=torch.int32, device=index.device)[:, None] * rows
    flat = (index + first).flatten()
    # One channel after the other: that is much faster than rows, and gives whole vectors.
    columns = table.permute(2, 0, 1).reshape(channels, -1).unbind()
    return [column.index_select(0, flat).reshape(index.shape) for column in columns]
