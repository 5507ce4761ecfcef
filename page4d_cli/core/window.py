"""What the network says of some frames of a video, in a unit and a world of its own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array, Int64Array


@dataclass(frozen=True)
class Window:
    """N frames seen in one pass. H W pixels of the maps."""

    indices: Int64Array
    """(N,) the frames' numbers in the video."""
    depth: Float32Array
    """(N, H, W) planar z in the window's unit; 0 where there is none."""
    intrinsics: Float64Array
    """(N, 3, 3) in pixels of the maps."""
    T_camera_world: Float64Array
    """(N, 3, 4); the world is the window's own."""
    confidence: Float32Array | None = None
    """(N, H, W) of the depth, at least 1; only its order has a meaning."""
    descriptors: Float32Array | None = None
    """(N, C) what a frame looks like, of unit length (`join/candidates.py`)."""
    moving: NDArray[np.bool_] | None = None
    """(N, H, W) pixels that are known to show what moves, by which nothing is joined."""

    @cached_property
    def cameras(self) -> "WindowCameras":
        """The window without its maps, which are large."""
        path = np.asarray(invert_rigid(self.T_camera_world), np.float64)
        return WindowCameras(self.indices, path)


@dataclass(frozen=True)
class WindowCameras:
    """The camera path of a window, or of a piece of one. N frames."""

    indices: Int64Array
    """(N,) the frames' numbers in the video, increasing."""
    T_world_camera: Float64Array
    """(N, 3, 4); world and unit are the window's own."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def turns(self) -> Float64Array:
        """(N - 1, 3, 3) rotation of each step, in the camera before it."""
        rotations = self.T_world_camera[..., :3]
        return np.asarray(np.swapaxes(rotations[:-1], 1, 2) @ rotations[1:], np.float64)

    @property
    def moves(self) -> Float64Array:
        """(N - 1, 3) translation of each step, in the camera before it."""
        rotations, centres = self.T_world_camera[..., :3], self.T_world_camera[..., 3]
        moves = np.einsum("nji,nj->ni", rotations[:-1], np.diff(centres, axis=0))
        return np.asarray(moves, np.float64)

    def piece(self, first: int, stop: int) -> "WindowCameras":
        """Frames `first` to `stop`, counted within the window."""
        return WindowCameras(self.indices[first:stop], self.T_world_camera[first:stop])

    def at(self, frames: Int64Array) -> "WindowCameras":
        """Those of the frames (M,) that the window shows, by their numbers in the video."""
        rows, _ = shared_frames(self.indices, frames)
        return WindowCameras(self.indices[rows], self.T_world_camera[rows])


def shared_frames(a: Int64Array, b: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Where the frames that two windows share stand in each: two times (M,)."""
    _, in_a, in_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return in_a, in_b
