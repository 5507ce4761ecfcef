"""The cameras that are refined: a pose for each frame, one lens for frames alike."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float64Array

_ROUNDS = 10


@dataclass(frozen=True)
class Cameras:
    """S frames, taken with C cameras: frames of one size share their focal length."""

    T_camera_world: Float64Array
    """(S, 3, 4)."""
    intrinsics: Float64Array
    """(C, 3, 3) in pixels of the source."""
    camera_of_frame: NDArray[np.int64]
    """(S,)."""
    k1: Float64Array
    """(C,) radial distortion, as of COLMAP's SIMPLE_RADIAL: what lies at a distance r from the
    axis, at depth 1, is seen at r · (1 + k1 r²)."""

    def __len__(self) -> int:
        return len(self.T_camera_world)

    @property
    def of_frames(self) -> Float64Array:
        """(S, 3, 3) intrinsics of every frame."""
        return self.intrinsics[self.camera_of_frame]

    @property
    def centres(self) -> Float64Array:
        """(S, 3) in the world."""
        return np.asarray(invert_rigid(self.T_camera_world)[..., 3], np.float64)

    def scaled(self, scale: float) -> "Cameras":
        """The same in another unit of length."""
        poses = self.T_camera_world.copy()
        poses[..., 3] *= scale
        return replace(self, T_camera_world=poses)


@dataclass(frozen=True)
class Freedom:
    """What of the lenses an adjustment may change."""

    focal: bool = True
    distortion: bool = False


FOCAL_ONLY = Freedom()


def backproject(
    cameras: Cameras, frame: NDArray[np.int64] | int, pixels: Float64Array, depth: Float64Array
) -> Float64Array:
    """Points (N, 3) of the world at pixels (N, 2) of frames (N,), so far away (N,)."""
    intrinsics, poses = cameras.of_frames[frame], cameras.T_camera_world[frame]
    focal = np.diagonal(intrinsics, axis1=-2, axis2=-1)[..., :2]
    seen = (pixels - intrinsics[..., :2, 2]) / focal
    plane = _undistorted(seen, cameras.k1[cameras.camera_of_frame[frame]])
    in_camera = np.concatenate([plane, np.ones((len(plane), 1))], axis=1) * depth[:, None]
    return np.asarray(((in_camera - poses[..., 3])[:, None] @ poses[..., :3])[:, 0], np.float64)


def _undistorted(seen: Float64Array, k1: Float64Array) -> Float64Array:
    """Where what is seen at (N, 2), at depth 1, would be without distortion of (N,) or one k1."""
    plane = seen
    for _ in range(_ROUNDS):
        plane = seen / (1 + k1 * (plane**2).sum(-1))[:, None]
    return plane
