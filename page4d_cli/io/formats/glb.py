"""Point clouds and cameras as binary glTF 2.0 (Khronos, 2021), for 3D viewers and editors.

glTF's axes are x right, y up, z to the viewer: from OpenCV's, y and z change sign.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array
from page4d_cli.io.whole.writing import writing

_FRUSTUM_LINES = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [1, 2], [2, 3], [3, 4], [4, 1]])
_DEPTH_SHARE = 0.05


def write_glb(
    path: Path,
    points: Float32Array,
    colors: UInt8Array,
    T_camera_world: Float64Array,
    intrinsics: Float64Array,
    sizes: Float64Array,
    camera_colors: UInt8Array,
) -> None:
    """Write coloured points, and a frustum of lines for every camera.

    Frustums have the cameras' field of view; their depth is 5 % of the extent of the cloud.

    Args:
        path: the file, replaced if it is there.
        points: (N, 3) in the world, OpenCV axes.
        colors: (N, 3).
        T_camera_world: (S, 3, 4).
        intrinsics: (S, 3, 3) in pixels of pictures of `sizes`.
        sizes: (S, 2) width and height.
        camera_colors: (S, 3) of the frustums.

    Raises:
        WriteError: the file cannot be written.
    """
    import trimesh

    low, high = np.percentile(points, (2, 98), axis=0)
    depth = _DEPTH_SHARE * max(float(np.linalg.norm(high - low)), 1e-6)
    corners = frustum_corners(T_camera_world, intrinsics, sizes, depth)
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.PointCloud(_to_gltf(points), colors), geom_name="points")
    for index, (vertices, color) in enumerate(zip(_to_gltf(corners), camera_colors, strict=True)):
        lines = [trimesh.path.entities.Line(pair, color=(*color, 255)) for pair in _FRUSTUM_LINES]
        frustum = trimesh.path.Path3D(lines, vertices, process=False)
        scene.add_geometry(frustum, geom_name=f"camera_{index:06d}")
    data = scene.export(file_type="glb")
    with writing(path):
        path.write_bytes(data)


def frustum_corners(
    T_camera_world: Float64Array, intrinsics: Float64Array, sizes: Float64Array, depth: float
) -> Float64Array:
    """Camera centres and the corners of the picture at a depth.

    Args:
        T_camera_world: (S, 3, 4).
        intrinsics: (S, 3, 3), whole numbers are pixel centres.
        sizes: (S, 2) width and height.
        depth: planar.

    Returns:
        (S, 5, 3) in the world: centre, then top left, top right, bottom right, bottom left.
    """
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    pixels = unit * sizes[:, None] - 0.5
    focal, centre = (
        np.diagonal(intrinsics, axis1=1, axis2=2)[:, None, :2],
        intrinsics[:, None, :2, 2],
    )
    rays = np.concatenate([(pixels - centre) / focal, np.ones((len(sizes), 4, 1))], axis=-1)
    in_camera = np.concatenate([np.zeros((len(sizes), 1, 3)), depth * rays], axis=1)
    T_world_camera = invert_rigid(T_camera_world)
    in_world = in_camera @ np.swapaxes(T_world_camera[..., :3], -1, -2)
    return np.asarray(in_world + T_world_camera[:, None, :, 3], np.float64)


def _to_gltf(points: Float32Array | Float64Array) -> Float64Array:
    return np.asarray(points * np.array([1.0, -1.0, -1.0]), np.float64)
