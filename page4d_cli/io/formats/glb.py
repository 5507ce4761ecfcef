"""Point clouds and cameras as binary glTF 2.0 (Khronos, 2021), for 3D viewers and editors.

glTF's axes are x right, y up, z to the viewer: from OpenCV's, y and z change sign.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import OPENGL_AXES, frustum_corners
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
    boxes: NDArray[np.int64],
    camera_colors: UInt8Array,
) -> None:
    """Write coloured points, and a frustum of lines for every camera.

    Frustums have the cameras' field of view; their depth is 5 % of the extent of the cloud.

    Args:
        path: the file, replaced if it is there.
        points: (N, 3) in the world, OpenCV axes.
        colors: (N, 3).
        T_camera_world: (S, 3, 4).
        intrinsics: (S, 3, 3) in pixels.
        boxes: (S, 4) left, top, right, bottom of the pictures in pixels, half open.
        camera_colors: (S, 3) of the frustums.

    Raises:
        WriteError: the file cannot be written.
    """
    import trimesh

    low, high = np.percentile(points, (2, 98), axis=0)
    depth = _DEPTH_SHARE * max(float(np.linalg.norm(high - low)), 1e-6)
    corners = frustum_corners(T_camera_world, intrinsics, boxes, depth)
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.PointCloud(_to_gltf(points), colors), geom_name="points")
    for index, (vertices, color) in enumerate(zip(_to_gltf(corners), camera_colors, strict=True)):
        lines = [trimesh.path.entities.Line(pair, color=(*color, 255)) for pair in _FRUSTUM_LINES]
        frustum = trimesh.path.Path3D(lines, vertices, process=False)
        scene.add_geometry(frustum, geom_name=f"camera_{index:06d}")
    data = scene.export(file_type="glb")
    with writing(path):
        path.write_bytes(data)


def _to_gltf(points: Float32Array | Float64Array) -> Float64Array:
    return np.asarray(points @ OPENGL_AXES, np.float64)
