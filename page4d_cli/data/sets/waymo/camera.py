"""The camera of a Waymo record: a pinhole with lens distortion, which is taken out of pictures.

Normalised points (x, y) lie at depth 1. The distortion is OpenCV's: radial k1, k2, k3 and
tangential p1, p2. Pictures and LiDAR points are both brought to the pinhole of the same K.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image

from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.core.types import Float64Array, UInt8Array

_OPENCV_FROM_WAYMO = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
"""Waymo's cameras look along x, with y to the left and z up."""
_ROUNDS = 8
"""Of the iteration that inverts the distortion: off by some 10⁻⁶ pixels then."""
_TILE = 16
"""Side in pixels of the pieces within which the distortion is taken for bilinear: off by a fiftieth
of a pixel at most."""


@dataclass(frozen=True)
class WaymoCamera:
    """One camera of a vehicle."""

    pinhole: tuple[float, float, float, float]
    """fx, fy, cx, cy in pixels."""
    distortion: tuple[float, float, float, float, float]
    """k1, k2, p1, p2, k3."""
    size: tuple[int, int]
    """(width, height)."""
    T_vehicle_camera: Float64Array
    """(3, 4), of the camera with OpenCV's axes."""

    @classmethod
    def from_calibration(
        cls, intrinsic: Float64Array, extrinsic: Float64Array, size: tuple[int, int]
    ) -> "WaymoCamera":
        """Take over a calibration.

        Args:
            intrinsic: (9,) fx, fy, cx, cy, k1, k2, p1, p2, k3.
            extrinsic: (4, 4) T_vehicle_camera with Waymo's axes.
            size: (width, height).
        """
        fx, fy, cx, cy, k1, k2, p1, p2, k3 = intrinsic.tolist()
        pose = np.array(extrinsic[:3])
        pose[:, :3] = pose[:, :3] @ _OPENCV_FROM_WAYMO.T
        return cls((fx, fy, cx, cy), (k1, k2, p1, p2, k3), size, pose)

    @property
    def intrinsics(self) -> Float64Array:
        """K (3, 3) of pictures without distortion."""
        fx, fy, cx, cy = self.pinhole
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    def T_camera_world(self, T_world_vehicle: Float64Array) -> Float64Array:
        """Poses (..., 3, 4) of the camera, of poses (..., 3, 4) of the vehicle."""
        return np.asarray(invert_rigid(T_world_vehicle @ as_homogeneous(self.T_vehicle_camera)))

    def undistort_pixels(self, pixels: Float64Array) -> Float64Array:
        """Where pixels (N, 2) of the picture as taken lie in the pinhole's."""
        fx, fy, cx, cy = self.pinhole
        distorted = (pixels - (cx, cy)) / (fx, fy)
        points = distorted
        for _ in range(_ROUNDS):
            radial, tangential = _distortion(points, self.distortion)
            points = (distorted - tangential) / radial
        return np.asarray(points * (fx, fy) + (cx, cy))

    def distort_pixels(self, pixels: Float64Array) -> Float64Array:
        """Where pixels (..., 2) of the pinhole's picture lie in the picture as taken."""
        fx, fy, cx, cy = self.pinhole
        points = (pixels - (cx, cy)) / (fx, fy)
        radial, tangential = _distortion(points, self.distortion)
        return np.asarray((points * radial + tangential) * (fx, fy) + (cx, cy))

    def undistort_image(self, image: UInt8Array) -> UInt8Array:
        """The picture (H, W, 3) that the pinhole would take; black where nothing was seen."""
        if not any(self.distortion):
            return image
        tiles = _tiles(self.pinhole, self.distortion, self.size)
        return np.asarray(
            Image.fromarray(image).transform(
                self.size, Image.Transform.MESH, tiles, Image.Resampling.BILINEAR
            )
        )


def _distortion(
    points: Float64Array, coefficients: tuple[float, float, float, float, float]
) -> tuple[Float64Array, Float64Array]:
    """Radial factor (..., 1) and tangential shift (..., 2) at normalised points (..., 2)."""
    k1, k2, p1, p2, k3 = coefficients
    x, y = points[..., 0], points[..., 1]
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    shift_x = 2 * p1 * x * y + p2 * (square + 2 * x * x)
    shift_y = p1 * (square + 2 * y * y) + 2 * p2 * x * y
    return radial[..., None], np.stack([shift_x, shift_y], -1)


_Tile = tuple[tuple[int, int, int, int], tuple[float, ...]]


@lru_cache(maxsize=8)
def _tiles(
    pinhole: tuple[float, float, float, float],
    distortion: tuple[float, float, float, float, float],
    size: tuple[int, int],
) -> list[_Tile]:
    """Pillow's mesh: boxes of the result, and the corners of their sources against the clock.

    Lengths are from corners of pixels.
    """
    camera = WaymoCamera(pinhole, distortion, size, np.eye(4)[:3])
    columns, rows = ([*range(0, side, _TILE), side] for side in size)
    corners = np.stack(np.meshgrid(columns, rows), -1) - 0.5
    source = camera.distort_pixels(corners) + 0.5
    return [
        (
            (left, top, right, bottom),
            tuple(
                source[[row, row + 1, row + 1, row], [column, column, column + 1, column + 1]]
                .ravel()
                .tolist()
            ),
        )
        for row, (top, bottom) in enumerate(pairwise(rows))
        for column, (left, right) in enumerate(pairwise(columns))
    ]
