"""Conventions of geometry, fixed once for the whole project.

- Cameras are OpenCV cameras: x right, y down, z forward.
- `T_camera_world` maps world points into the camera: x_camera = R x_world + t. Its inverse is
  `T_world_camera`, whose translation is the camera centre. Both are (..., 3, 4) or (..., 4, 4).
- The world of a prediction is the camera of its first frame. Units are relative.
- Quaternions name their order: `quat_xyzw`. Depth is planar: the z of the camera frame.
- A pixel (u, v) is (column, row); whole numbers are pixel centres. K maps camera points to (u, v).

Shapes: S frames, H W pixels, N points; "..." any leading axes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
LEAST_FOCAL_LENGTH = 1e-3
"""Pixels; below it the field of view is a half turn, and points at any depth are nowhere."""
OPENGL_AXES = np.diag([1.0, -1.0, -1.0])
"""From OpenCV's axes to x right, y up, z to the viewer (OpenGL, glTF, USD, Nuke), and back."""


def as_homogeneous(transform: FloatArray) -> FloatArray:
    """Append the row (0, 0, 0, 1).

    Args:
        transform: (..., 3, 4) rigid transform.

    Returns:
        (..., 4, 4).
    """
    last = np.zeros((*transform.shape[:-2], 1, 4), transform.dtype)
    last[..., 0, 3] = 1
    return np.concatenate([transform, last], axis=-2)


def invert_rigid(transform: FloatArray) -> FloatArray:
    """Invert rotation and translation: T_camera_world <-> T_world_camera.

    Args:
        transform: (..., 3, 4), rotation orthonormal.

    Returns:
        (..., 3, 4): [Rᵀ | -Rᵀ t].
    """
    rotation_t = np.swapaxes(transform[..., :3, :3], -1, -2)
    return np.concatenate([rotation_t, -rotation_t @ transform[..., :3, 3:]], axis=-1)


def rotation_error(matrix: FloatArray) -> FloatArray:
    """How far matrices are from rotations: the largest entry of |R Rᵀ − 1|; infinite for a mirror.

    Args:
        matrix: (..., 3, 3).

    Returns:
        (...); NaN where a matrix is not finite.
    """
    m = matrix.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.abs(m @ np.swapaxes(m, -1, -2) - np.eye(3)).max(axis=(-1, -2))
        return np.where(np.linalg.det(m) < 0, np.inf, error)


def quat_xyzw_from_matrix(rotation: FloatArray) -> FloatArray:
    """Unit quaternion of a rotation matrix, with w ≥ 0.

    Takes the eigenvector of the largest eigenvalue of Bar-Itzhack's symmetric matrix (New Method
    for Extracting the Quaternion from a Rotation Matrix, JGCD 23(6), 2000), which needs no case
    distinction and gives the nearest rotation if the input is slightly off.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 4) in the order x, y, z, w.
    """
    m = rotation.astype(np.float64)
    k = np.zeros((*m.shape[:-2], 4, 4))
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    k[..., 0, 0], k[..., 1, 1], k[..., 2, 2] = xx - yy - zz, yy - xx - zz, zz - xx - yy
    k[..., 3, 3] = xx + yy + zz
    for row, column, value in (
        (1, 0, m[..., 1, 0] + m[..., 0, 1]),
        (2, 0, m[..., 2, 0] + m[..., 0, 2]),
        (2, 1, m[..., 2, 1] + m[..., 1, 2]),
        (3, 0, m[..., 2, 1] - m[..., 1, 2]),
        (3, 1, m[..., 0, 2] - m[..., 2, 0]),
        (3, 2, m[..., 1, 0] - m[..., 0, 1]),
    ):
        k[..., row, column] = value
    quaternion = np.linalg.eigh(k)[1][..., -1]  # eigh reads the lower triangle
    return np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)


def matrix_from_quat_xyzw(quat_xyzw: FloatArray) -> FloatArray:
    """Rotation matrix of a quaternion of any non-zero length.

    Args:
        quat_xyzw: (..., 4) in the order x, y, z, w.

    Returns:
        (..., 3, 3).
    """
    x, y, z, w = np.moveaxis(quat_xyzw, -1, 0)
    s = 2.0 / (quat_xyzw**2).sum(-1)
    rows = [
        [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
        [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
        [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def valid_depth(depth: FloatArray) -> FloatArray:
    """Depth of any shape, with NaN wherever it is not positive and finite: there is none."""
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def camera_points_from_depth(depth: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """Unproject every pixel: x = (u - cx) / fx · d, y = (v - cy) / fy · d, z = d.

    Args:
        depth: (..., H, W) planar depth.
        intrinsics: (..., 3, 3) in pixels of the map.

    Returns:
        (..., H, W, 3) in the camera frame, unit of the depth.
    """
    height, width = depth.shape[-2:]
    u = np.arange(width, dtype=depth.dtype)
    v = np.arange(height, dtype=depth.dtype)[:, None]
    k = intrinsics[..., None, None, :, :]
    x = (u - k[..., 0, 2]) / k[..., 0, 0] * depth
    y = (v - k[..., 1, 2]) / k[..., 1, 1] * depth
    return np.stack([x, y, np.broadcast_to(depth, x.shape)], axis=-1)


def world_points_from_depth(
    depth: FloatArray, intrinsics: FloatArray, T_camera_world: FloatArray
) -> FloatArray:
    """Unproject every pixel into the world: Rᵀ (X_camera - t).

    Args:
        depth: (..., H, W) planar depth.
        intrinsics: (..., 3, 3) in pixels of the map.
        T_camera_world: (..., 3, 4).

    Returns:
        (..., H, W, 3) in the world frame.
    """
    camera_points = camera_points_from_depth(depth, intrinsics)
    rotation = T_camera_world[..., None, :3, :3]
    translation = T_camera_world[..., None, None, :3, 3]
    return (camera_points - translation) @ rotation


def project(
    points_world: FloatArray, intrinsics: FloatArray, T_camera_world: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Project world points into a camera.

    Args:
        points_world: (..., N, 3).
        intrinsics: (..., 3, 3) in pixels.
        T_camera_world: (..., 3, 4).

    Returns:
        Pixels (..., N, 2) as (u, v), and depth (..., N). Points at depth 0 give non-finite pixels.
    """
    rotation_t = np.swapaxes(T_camera_world[..., :3, :3], -1, -2)
    camera_points = points_world @ rotation_t + T_camera_world[..., None, :3, 3]
    depth = camera_points[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        normalised = camera_points / depth[..., None]
    pixels = normalised @ np.swapaxes(intrinsics, -1, -2)
    return pixels[..., :2], depth


def has_usable_focal_length(intrinsics: FloatArray) -> bool:
    """Whether K (3, 3) is a camera: a field of view of 0, of π or beyond gives none."""
    usable = np.diagonal(intrinsics) > LEAST_FOCAL_LENGTH
    return bool(np.isfinite(intrinsics).all() and usable.all())


def corner_rays(intrinsics: FloatArray, boxes: NDArray[np.generic]) -> FloatArray:
    """Points at depth 1 behind the corners of a picture, in the camera.

    Args:
        intrinsics: (..., 3, 3) in pixels.
        boxes: (..., 4) left, top, right, bottom of the picture in pixels, half open.

    Returns:
        (..., 4, 3): top left, top right, bottom right, bottom left.
    """
    edges = np.asarray(boxes, np.float64) - 0.5  # a pixel begins half before its centre
    pixels = np.stack([edges[..., [0, 2, 2, 0]], edges[..., [1, 1, 3, 3]]], axis=-1)
    focal = np.diagonal(intrinsics, axis1=-2, axis2=-1)[..., None, :2]
    plane = (pixels - intrinsics[..., None, :2, 2]) / focal
    return np.concatenate([plane, np.ones((*plane.shape[:-1], 1))], axis=-1)


def frustum_corners(
    T_camera_world: FloatArray, intrinsics: FloatArray, boxes: NDArray[np.generic], depth: float
) -> FloatArray:
    """Camera centres, and the corners of their pictures at a depth.

    Args:
        T_camera_world: (..., 3, 4).
        intrinsics: (..., 3, 3) in pixels.
        boxes: (..., 4) left, top, right, bottom of the picture in pixels, half open.
        depth: planar.

    Returns:
        (..., 5, 3) in the world: centre, then the corners in the order of `corner_rays`.
    """
    rays = corner_rays(intrinsics, boxes)
    in_camera = np.concatenate([np.zeros_like(rays[..., :1, :]), depth * rays], axis=-2)
    return (in_camera - T_camera_world[..., None, :, 3]) @ T_camera_world[..., :3]
