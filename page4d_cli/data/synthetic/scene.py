"""A dynamic scene, exactly: what there is, and where it is at any time.

The world is a room in metres, z up, the origin in the middle of its floor. The first body is the
room itself, seen from inside.

Shapes: S times, K bodies, the room among them.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.synthetic.motion import CameraPath, RigidMotion


class Shape(IntEnum):
    """What a body is, before it is scaled by its half sizes."""

    ROOM = 0
    """The cube [-1, 1]³ from inside."""
    BOX = 1
    """The cube [-1, 1]³."""
    SPHERE = 2
    """The unit ball; its three half sizes are equal."""
    CYLINDER = 3
    """Radius 1 about z, |z| ≤ 1; its first two half sizes are equal."""


@dataclass(frozen=True)
class SyntheticScene:
    """Drawn by `sample_scene`; a plain value that can be sent to another process."""

    seed: int
    shapes: NDArray[np.int64]
    """(K,) of `Shape`; the first is the room."""
    half_size_m: Float64Array
    """(K, 3)."""
    motion: RigidMotion
    is_moving: NDArray[np.bool_]
    """(K,)."""
    materials: Float32Array
    """(K, 6, C) of each side, as `textures.draw_materials` packs them."""
    camera: CameraPath
    fov_rad: float
    """Along the longer side of the picture."""
    light: Float64Array
    """(3,) unit vector towards the light."""

    def T_world_body(self, times_s: Float64Array) -> Float64Array:
        """Poses (S, K, 3, 4) of the bodies at times (S,)."""
        return self.motion.T_world_body(times_s)

    def T_camera_world(self, times_s: Float64Array) -> Float64Array:
        """Camera poses (S, 3, 4) at times (S,)."""
        return np.asarray(invert_rigid(self.camera.T_world_camera(times_s)), np.float64)

    def intrinsics(self, size: tuple[int, int]) -> Float64Array:
        """K (3, 3) of a picture of `size` = (width, height), square pixels.

        The principal point is (W/2, H/2), which is half a pixel off the picture's middle because
        whole numbers are pixel centres: the network's pose encoding can hold no other.
        """
        width, height = size
        focal = max(size) / 2 / np.tan(self.fov_rad / 2)
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
