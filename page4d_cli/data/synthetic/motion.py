"""Smooth periodic motion in continuous time: everything that moves in a scene moves like this.

Shapes: S times, K bodies, J harmonics; "..." what the quantity is made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.types import Float64Array

HARMONICS = 3
"""Sines a wave is the sum of: one, two and three swings a period."""


@dataclass(frozen=True)
class Wave:
    """A quantity that swings about its centre: a short Fourier series."""

    centre: Float64Array
    """(...)."""
    amplitude: Float64Array
    """(J, ...) of the sines that swing 1, 2, … J times a period."""
    phase: Float64Array
    """(J, ...) radians."""
    period_s: float

    def at(self, times_s: Float64Array) -> Float64Array:
        """Values (S, ...) at times (S,)."""
        swings = np.arange(1, len(self.amplitude) + 1)
        angle = 2 * np.pi * np.outer(times_s, swings) / self.period_s
        angle = angle.reshape(*angle.shape, *[1] * self.centre.ndim)
        return np.asarray(
            self.centre + (self.amplitude * np.sin(angle + self.phase)).sum(1), np.float64
        )

    def take(self, some: slice) -> "Wave":
        """The wave of some of the quantities on the first axis."""
        return Wave(self.centre[some], self.amplitude[:, some], self.phase[:, some], self.period_s)

    @staticmethod
    def join(parts: Sequence["Wave"]) -> "Wave":
        """The wave of all parts, which have one period, along the first axis."""
        (period_s,) = {part.period_s for part in parts}
        return Wave(
            np.concatenate([part.centre for part in parts]),
            np.concatenate([part.amplitude for part in parts], 1),
            np.concatenate([part.phase for part in parts], 1),
            period_s,
        )


@dataclass(frozen=True)
class RigidMotion:
    """How K bodies move: each swings about a place and turns about an axis fixed in the world."""

    position: Wave
    """(K, 3) metres."""
    axis: Float64Array
    """(K, 3) unit vectors."""
    angle: Wave
    """(K,) radians about the axis."""
    turns: Float64Array
    """(K,) whole turns a period, of either sign, which the angle makes besides."""

    def take(self, bodies: slice) -> "RigidMotion":
        """The motion of some of the bodies."""
        return RigidMotion(
            self.position.take(bodies),
            self.axis[bodies],
            self.angle.take(bodies),
            self.turns[bodies],
        )

    @staticmethod
    def join(parts: Sequence["RigidMotion"]) -> "RigidMotion":
        """The motion of all bodies of the parts, in their order."""
        return RigidMotion(
            Wave.join([part.position for part in parts]),
            np.concatenate([part.axis for part in parts]),
            Wave.join([part.angle for part in parts]),
            np.concatenate([part.turns for part in parts]),
        )

    def T_world_body(self, times_s: Float64Array) -> Float64Array:
        """Poses (S, K, 3, 4) at times (S,)."""
        steady = 2 * np.pi * np.outer(times_s, self.turns) / self.angle.period_s
        rotation = axis_rotation(self.axis, self.angle.at(times_s) + steady)
        return np.concatenate([rotation, self.position.at(times_s)[..., None]], axis=-1)


@dataclass(frozen=True)
class CameraPath:
    """Where the camera is and where it looks."""

    position: Wave
    """(3,) metres."""
    angles: Wave
    """(3,) radians: yaw about the vertical from the x axis, pitch upwards, roll clockwise."""

    def T_world_camera(self, times_s: Float64Array) -> Float64Array:
        """Poses (S, 3, 4) at times (S,) of an OpenCV camera; the world's z axis points up."""
        yaw, pitch, roll = self.angles.at(times_s).T
        zero = np.zeros_like(yaw)
        forward = np.stack(
            [np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], -1
        )
        level = np.stack([np.sin(yaw), -np.cos(yaw), zero], -1)
        down = np.cross(forward, level)
        cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
        columns = [
            cos * level + sin * down,
            cos * down - sin * level,
            forward,
            self.position.at(times_s),
        ]
        return np.stack(columns, -1)


def axis_rotation(axis: Float64Array, angle: Float64Array) -> Float64Array:
    """Rotation matrices by Rodrigues' formula.

    Args:
        axis: (..., 3) unit vectors.
        angle: (...) radians; leading axes broadcast.

    Returns:
        (..., 3, 3).
    """
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*axis.shape, 3)
    cos, sin = np.cos(angle)[..., None, None], np.sin(angle)[..., None, None]
    outer = axis[..., :, None] * axis[..., None, :]
    return np.asarray(cos * np.eye(3) + sin * cross + (1 - cos) * outer, np.float64)
