"""Exact intersections of rays with the room and the bodies.

A ray is the camera's centre plus t times (x, y, 1) in the camera's frame, so t is planar depth.
Each body is scaled to a cube, ball or cylinder of half size 1, whose frame sees the ray as
o + t d, with d = M (x, y, 1).

Only operations are used that vectors of any width round alike (+, -, ×, ÷, 1/√), so what a ray
hits does not depend on the batch that it is in.

Shapes: B scenes, S frames of each, F = B · S frames, K slots for bodies, P rays a frame.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.scene import Shape, SyntheticScene

_CHANNELS = 9 + 3 + 3 + 3
"""Rotation, centre, half sizes, light."""


@dataclass(frozen=True)
class Placed:
    """Bodies as F cameras see them. Slot 0 is the room; slots are sorted by shape.

    A slot that a scene does not fill holds NaN: no comparison with it is true, so nothing hits it.
    """

    shapes: tuple[Shape, ...]
    """Shape of each of the K slots."""
    body: NDArray[np.int64]
    """(B, K): the number of the slot's body in its scene, or -1."""
    rotation: Float64Array
    """(F, K, 3, 3): body from camera."""
    centre: Float64Array
    """(F, K, 3): of the camera, in the body's frame."""
    half_size_m: Float64Array
    """(F, K, 3)."""
    light: Float64Array
    """(F, K, 3): unit vectors towards the light, in the bodies' frames."""


def place_bodies(
    scenes: Sequence[SyntheticScene], times_s: Float64Array, size: tuple[int, int]
) -> Placed:
    """Bring the bodies that some frame may see into the frames' cameras.

    Args:
        scenes: B of them.
        times_s: (B, S).
        size: (width, height) of the picture, beyond which nothing is looked for.
    """
    seen = [_see(scene, times, size) for scene, times in zip(scenes, times_s, strict=True)]
    shapes, body = _slots(scenes, [bodies for _, bodies in seen])
    values = np.full((*times_s.shape, len(shapes), _CHANNELS), np.nan)
    for row, bodies, (of_bodies, _) in zip(values, body, seen, strict=True):
        filled = np.flatnonzero(bodies >= 0)
        row[:, filled] = of_bodies[:, bodies[filled]]
    values = values.reshape(-1, *values.shape[2:])
    rotation = values[..., :9].reshape(*values.shape[:-1], 3, 3)
    return Placed(shapes, body, rotation, *np.split(values[..., 9:], 3, axis=-1))


def _see(
    scene: SyntheticScene, times_s: Float64Array, size: tuple[int, int]
) -> tuple[Float64Array, NDArray[np.int64]]:
    """What `Placed` holds, (S, bodies, _CHANNELS), and which bodies reach into the view."""
    T_world_camera = scene.camera.T_world_camera(times_s)[:, None]
    T_world_body = scene.T_world_body(times_s)
    to_body = np.swapaxes(T_world_body[..., :3], -1, -2)
    offset = (T_world_camera[..., 3] - T_world_body[..., 3])[..., None]
    rotation = to_body @ T_world_camera[..., :3]
    frames, count = rotation.shape[:2]
    values = [
        rotation.reshape(frames, count, 9),
        (to_body @ offset)[..., 0],
        np.broadcast_to(scene.half_size_m, (frames, count, 3)),
        to_body @ scene.light,
    ]
    in_camera = -(np.swapaxes(T_world_camera[..., :3], -1, -2) @ offset)[..., 0]
    return np.concatenate(values, -1), _in_view(scene, in_camera, size)


def _in_view(
    scene: SyntheticScene, centres: Float64Array, size: tuple[int, int]
) -> NDArray[np.int64]:
    """Numbers of the bodies, centres (S, bodies, 3) in the camera, that some frame may show."""
    k = scene.intrinsics(size)
    # Half a pixel more than the picture, whose middle the principal point is not.
    reach = np.array([(k[0, 2] + 0.5) / k[0, 0], (k[1, 2] + 0.5) / k[1, 1]])
    # Distances to the pairs of planes that bound the view; positive is inside.
    inside = (centres[..., 2:] * reach - np.abs(centres[..., :2])) / np.hypot(1, reach)
    radius = np.linalg.norm(scene.half_size_m, axis=-1)
    seen = (inside > -radius[:, None]).all(-1).any(0)
    seen[0] = True  # the room
    return np.flatnonzero(seen)


def _slots(
    scenes: Sequence[SyntheticScene], seen: Sequence[NDArray[np.int64]]
) -> tuple[tuple[Shape, ...], NDArray[np.int64]]:
    """As many slots of each shape as the scene with the most of them needs."""
    shapes: list[Shape] = []
    columns = []
    for shape in Shape:
        of_shape = [
            bodies[scene.shapes[bodies] == shape]
            for scene, bodies in zip(scenes, seen, strict=True)
        ]
        count = max(map(len, of_shape))
        shapes += [shape] * count
        columns.append([[*bodies, *[-1] * (count - len(bodies))] for bodies in of_shape])
    return tuple(shapes), np.concatenate(columns, axis=1).astype(np.int64)


def cast_rays(placed: Placed, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Find what rays hit first.

    Args:
        placed: the bodies.
        x: first component of the directions (x, y, 1); broadcasts with `y` to (F, …), for instance
            (F, 1, W) with (F, H, 1) for all pixels of pictures, or (F, N) with (F, N).
        y: second component. Number format and device of the result are those of `x`.

    Returns:
        Planar depth (F, …), and the slot hit (F, …) uint8.
    """
    slots = _prepare(placed, x)
    direction = _directions(slots[0].matrix, x, y)
    depth = _leave_cube(direction, slots[0].origin)
    hit = torch.zeros_like(depth, dtype=torch.uint8)
    length = x * x + (y * y + 1)  # squared, of the direction in the camera's frame
    for index, slot in enumerate(slots[1:], start=1):
        near = _ENTER[slot.shape](slot, x, y, length)
        closer = (near > 0) & (near < depth)
        depth = torch.where(closer, near, depth)
        hit = torch.maximum(hit, closer.view(torch.uint8) * index)  # a later hit is a nearer one
    return depth, hit


@dataclass(frozen=True)
class _Slot:
    """What intersecting with one slot needs; a number a frame, (F, 1, …)."""

    shape: Shape
    matrix: Tensor
    """(9, F, 1, …): M, row by row."""
    origin: Tensor
    """(3, F, 1, …): o."""
    along: Tensor
    """(3, F, 1, …): o·d is this times (x, y, 1); for a cylinder, of the first two axes."""
    beyond: Tensor
    """(F, 1, …): o·o - 1, of the same axes."""
    scale: Tensor
    """(F, 1, …): d·d over the squared length of (x, y, 1), for a ball."""


def _prepare(placed: Placed, like: Tensor) -> list[_Slot]:
    """Compute per frame, in double precision, what all its rays share."""
    inverse = 1 / placed.half_size_m
    matrix, origin = placed.rotation * inverse[..., None], placed.centre * inverse
    counted = [[1, 1, shape is not Shape.CYLINDER] for shape in placed.shapes]
    counted_origin = origin * np.array(counted)
    values = [
        matrix.reshape(*matrix.shape[:2], 9),
        origin,
        (counted_origin[..., None, :] @ matrix)[..., 0, :],
        (counted_origin**2).sum(-1, keepdims=True) - 1,
        inverse[..., :1] ** 2,
    ]
    table = torch.from_numpy(np.concatenate(values, -1).transpose(1, 2, 0).copy()).to(like)
    table = table.reshape(*table.shape, *[1] * (like.ndim - 1))
    return [
        _Slot(shape, row[:9], row[9:12], row[12:15], row[15], row[16])
        for shape, row in zip(placed.shapes, table, strict=True)
    ]


def _linear(coefficients: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Coefficients (3, F, 1, …) times (x, y, 1); the first sum is small where x is a row."""
    return (coefficients[0] * x + coefficients[2]) + coefficients[1] * y


def _directions(matrix: Tensor, x: Tensor, y: Tensor) -> list[Tensor]:
    return [_linear(row, x, y) for row in matrix.split(3)]


def _leave_cube(direction: list[Tensor], origin: Tensor) -> Tensor:
    """Where rays leave the cube that they start in."""
    faces = []
    for d, o in zip(direction, origin, strict=True):
        inverse = 1 / d
        faces.append(inverse.abs() - o * inverse)
    # A ray parallel to a face may give NaN there, which fmin passes over.
    return torch.fmin(torch.fmin(faces[0], faces[1]), faces[2])


def _root(values: Tensor) -> Tensor:
    """Square root; NaN from 0 down. `Tensor.sqrt` takes many times longer over NaN on a CPU."""
    return values * values.rsqrt()


def _slab(d: Tensor, o: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave the space between two parallel planes."""
    inverse = 1 / d
    middle, half = o * inverse, inverse.abs()
    return -middle - half, half - middle


def _enter_box(slot: _Slot, x: Tensor, y: Tensor, _length: Tensor) -> Tensor:
    near, far = _slab(_linear(slot.matrix[:3], x, y), slot.origin[0])
    for axis in (1, 2):
        rows = slot.matrix[3 * axis : 3 * axis + 3]
        closer, farther = _slab(_linear(rows, x, y), slot.origin[axis])
        near, far = torch.maximum(near, closer), torch.minimum(far, farther)
    return torch.where(near < far, near, -1)


def _enter_sphere(slot: _Slot, x: Tensor, y: Tensor, length: Tensor) -> Tensor:
    """The nearer root of |o + t d|² = 1, in the form without cancellation; NaN for a miss."""
    along = _linear(slot.along, x, y)
    root = _root(along * along - slot.scale * slot.beyond * length)
    return slot.beyond / (root - along)


def _enter_cylinder(slot: _Slot, x: Tensor, y: Tensor, _length: Tensor) -> Tensor:
    """The part of the ray in both an endless cylinder and the space between the two caps."""
    dx, dy, dz = _directions(slot.matrix, x, y)
    square = dx * dx + dy * dy
    along = _linear(slot.along, x, y)
    root = _root(along * along - slot.beyond * square)
    near, far = _slab(dz, slot.origin[2])
    near = torch.maximum(near, -(along + root) / square)
    far = torch.minimum(far, (root - along) / square)
    return torch.where(near < far, near, -1)


_ENTER: dict[Shape, Callable[[_Slot, Tensor, Tensor, Tensor], Tensor]] = {
    Shape.BOX: _enter_box,
    Shape.SPHERE: _enter_sphere,
    Shape.CYLINDER: _enter_cylinder,
}
"""Planar depth at which rays enter a body; not positive, or NaN, where they miss it."""
