"""Candidates for bodies, and whether one keeps clear of everything else.

Shapes: N candidates, K bodies, T times that are looked at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.motion import HARMONICS, RigidMotion, Wave
from page4d_cli.data.synthetic.scene import Shape

_GAP_M = 0.05
_VIEW_GAP_M = 0.35
_VIEW_RADII = 2.2
"""A body is this many of its radii, and the gap, away from the camera: 50° wide at most."""
_SOLID_SHAPES = (Shape.BOX, Shape.SPHERE, Shape.CYLINDER)


@dataclass(frozen=True)
class Bodies:
    """Some bodies, or candidates for one."""

    shapes: NDArray[np.int64]
    """(N,)."""
    half_size_m: Float64Array
    """(N, 3)."""
    motion: RigidMotion
    """How the N bodies move."""
    reach_m: Float64Array
    """(N, 2): how far a body reaches from its centre, horizontally and vertically, as it turns."""

    def take(self, index: int) -> "Bodies":
        """One of them, as a set of one."""
        one = slice(index, index + 1)
        return Bodies(
            self.shapes[one], self.half_size_m[one], self.motion.take(one), self.reach_m[one]
        )


def moving_candidates(
    rng: np.random.Generator, count: int, around: Float64Array, period_s: float
) -> Bodies:
    """Bodies that glide or roll on the floor while they turn, or tumble through the air.

    Args:
        rng: where the numbers come from.
        count: N.
        around: (N, 2) places about which they move.
        period_s: of the motion.
    """
    shapes = rng.choice(_SOLID_SHAPES, count)
    half_size = _half_sizes(rng, shapes, (0.14, 0.42), tallest=1.6)
    is_flying = rng.uniform(size=count) < 0.4
    is_tumbling = is_flying | (shapes == Shape.SPHERE)
    reach = _reach(shapes, half_size, is_tumbling)
    axis = rng.standard_normal((count, 3))
    axis = np.where(is_tumbling[:, None], axis, [0.0, 0.0, 1.0])
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    height = np.where(is_flying, rng.uniform(0.7, 2.0, count), reach[:, 1])
    decay = np.array([1.0, 0.5, 0.2])[:, None, None]
    swing = rng.uniform(-1, 1, (HARMONICS, count, 3)) * decay * rng.uniform(0.3, 1.1, (count, 1))
    swing[..., 2] *= 0.4 * is_flying
    motion = RigidMotion(
        Wave(
            np.column_stack([around, height]),
            swing,
            rng.uniform(0, 2 * np.pi, swing.shape),
            period_s,
        ),
        axis,
        Wave(
            rng.uniform(0, 2 * np.pi, count),
            rng.uniform(0.2, 0.8, (HARMONICS, count)) * decay[..., 0],
            rng.uniform(0, 2 * np.pi, (HARMONICS, count)),
            period_s,
        ),
        rng.integers(-2, 3, count).astype(np.float64),
    )
    return Bodies(shapes, half_size, motion, reach)


def standing_candidates(
    rng: np.random.Generator, count: int, room: Float64Array, period_s: float
) -> Bodies:
    """Furniture: boxes, columns and balls on the floor of a room of size (3,)."""
    shapes = rng.choice(_SOLID_SHAPES, count, p=[0.55, 0.15, 0.3])
    half_size = _half_sizes(rng, shapes, (0.15, 0.5), tallest=3.0)
    half_size[:, 2] = half_size[:, 2].clip(None, 0.45 * room[2])
    reach = _reach(shapes, half_size, np.zeros(count, bool))
    place = rng.uniform(-0.5, 0.5, (count, 2)) * room[:2]
    # As near to the walls as it can stand, if it is there.
    limit = np.maximum(room[:2] / 2 - reach[:, :1] - _GAP_M, 0)
    place = np.clip(place, -limit, limit)
    centre = np.column_stack([place, half_size[:, 2]])
    return Bodies(
        shapes, half_size, _rest(centre, rng.uniform(0, 2 * np.pi, count), period_s), reach
    )


def hanging_candidates(
    rng: np.random.Generator, count: int, room: Float64Array, period_s: float
) -> Bodies:
    """Flat or deep boxes on the walls of a room of size (3,): pictures, shelves, cupboards."""
    half_size = np.column_stack(
        [
            rng.uniform(0.25, 0.8, count),
            rng.choice([0.03, 0.06, 0.15], count),
            rng.uniform(0.2, 0.5, count),
        ]
    )
    quarter = rng.integers(0, 4, count)
    is_across = quarter % 2
    width, length = room[is_across], room[1 - is_across]
    along = rng.uniform(-0.5, 0.5, count) * (width - 2 * half_size[:, 0])
    out = length / 2 - half_size[:, 1]
    cos, sin = np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
    place = [
        cos * along - sin * out,
        sin * along + cos * out,
        rng.uniform(1.1, room[2] - 0.7, count),
    ]
    motion = _rest(np.column_stack(place), quarter * np.pi / 2, period_s)
    shapes = np.full(count, int(Shape.BOX))
    return Bodies(shapes, half_size, motion, _reach(shapes, half_size, np.zeros(count, bool)))


def room_body(room: Float64Array, period_s: float) -> Bodies:
    """The room of size (3,) as a body."""
    half_size = room[None] / 2
    centre = np.array([[0.0, 0.0, room[2] / 2]])
    shapes = np.array([int(Shape.ROOM)])
    return Bodies(shapes, half_size, _rest(centre, np.zeros(1), period_s), half_size[:, 1:])


def join_bodies(parts: list[Bodies]) -> Bodies:
    """All bodies of the parts, in their order."""
    return Bodies(
        np.concatenate([part.shapes for part in parts]),
        np.concatenate([part.half_size_m for part in parts]),
        RigidMotion.join([part.motion for part in parts]),
        np.concatenate([part.reach_m for part in parts]),
    )


def is_inside(bodies: Bodies, centres: Float64Array, room: Float64Array) -> NDArray[np.bool_]:
    """Whether bodies with centres (T, N, 3) stay inside a room of size (3,), at all times: (N,)."""
    horizontal, vertical = bodies.reach_m.T
    clear = room[:2] / 2 - np.abs(centres[..., :2]) >= (horizontal + _GAP_M / 2)[:, None]
    above, below = centres[..., 2] - vertical, room[2] - centres[..., 2] - vertical
    return np.asarray((clear.all(-1) & (above > -1e-9) & (below > 0)).all(0))


def keeps_view_free(
    bodies: Bodies, centres: Float64Array, camera: Float64Array
) -> NDArray[np.bool_]:
    """Whether bodies at (T, N, 3) stay far from the camera (T, 3) for their size: (N,)."""
    largest = np.sort(bodies.half_size_m, axis=-1)[:, 1:]
    radius = np.sqrt(4 / np.pi * largest.prod(-1))
    distance = np.linalg.norm(centres - camera[:, None], axis=-1)
    return np.asarray((distance > _VIEW_RADII * radius + _VIEW_GAP_M).all(0))


def is_apart(
    bodies: Bodies, centres: Float64Array, reach_m: Float64Array, others: Float64Array
) -> NDArray[np.bool_]:
    """Whether bodies with centres (T, N, 3) keep off others (T, K, 3), reaching (K, 2): (N,)."""
    offset = centres[:, :, None] - others[:, None]
    reach = bodies.reach_m[:, None] + reach_m + _GAP_M
    beside = np.hypot(offset[..., 0], offset[..., 1]) > reach[..., 0]
    above = np.abs(offset[..., 2]) > reach[..., 1]
    return np.asarray((beside | above).all((0, 2)))


def _half_sizes(
    rng: np.random.Generator,
    shapes: NDArray[np.int64],
    radius_m: tuple[float, float],
    *,
    tallest: float,
) -> Float64Array:
    """(N, 3): of about a radius, boxes uneven, boxes and cylinders up to so many times as tall."""
    count = len(shapes)
    radius = rng.uniform(*radius_m, count)
    half_size = radius[:, None] * rng.uniform(0.6, 1.2, (count, 3))
    half_size[:, 2] = radius * rng.uniform(0.6, tallest, count)
    half_size[:, 1] = np.where(shapes == Shape.CYLINDER, half_size[:, 0], half_size[:, 1])
    return np.where((shapes == Shape.SPHERE)[:, None], radius[:, None], half_size)


def _reach(
    shapes: NDArray[np.int64], half_size_m: Float64Array, is_tumbling: NDArray[np.bool_]
) -> Float64Array:
    """(N, 2), horizontally and vertically; bodies that do not tumble keep their z axis upright."""
    across = np.where(
        shapes == Shape.BOX, np.hypot(half_size_m[:, 0], half_size_m[:, 1]), half_size_m[:, 0]
    )
    upright = np.column_stack([across, half_size_m[:, 2]])
    whole = np.where(shapes == Shape.SPHERE, across, np.hypot(across, half_size_m[:, 2]))
    return np.where(is_tumbling[:, None], whole[:, None], upright)


def _rest(centre: Float64Array, yaw: Float64Array, period_s: float) -> RigidMotion:
    """No motion at all."""
    count = len(centre)
    none = np.zeros((HARMONICS, count))
    position = Wave(
        centre, np.zeros((HARMONICS, count, 3)), np.zeros((HARMONICS, count, 3)), period_s
    )
    axis = np.tile([0.0, 0.0, 1.0], (count, 1))
    return RigidMotion(position, axis, Wave(yaw, none, none, period_s), np.zeros(count))
