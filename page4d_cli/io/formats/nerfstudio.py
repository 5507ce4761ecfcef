"""`transforms.json` of nerfstudio ("Data conventions" of its documentation, docs.nerf.studio).

Poses are camera to world with OpenGL camera axes: x right, y up, z backwards. The centre of the top
left pixel is (0.5, 0.5).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import OPENGL_AXES, as_homogeneous, invert_rigid
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.core.types import Float64Array
from page4d_cli.io.whole.writing import writing

DEPTH_SCALE = 1000.0
"""PNG values per unit of depth."""
MAX_DEPTH = 65.535
"""The most that 16 bits hold of it."""


def write_transforms(
    path: Path,
    *,
    image_files: Sequence[str],
    depth_files: Sequence[str],
    points_file: str,
    T_camera_world: Float64Array,
    intrinsics: Float64Array,
    sizes: Sequence[tuple[int, int]],
    of_frames: Mapping[str, Sequence[Json]],
    of_all: Mapping[str, Json],
) -> None:
    """Write `transforms.json`. The world stays as it is: the applied transform is the identity.

    Args:
        path: the file, replaced if it is there.
        image_files: S paths, relative to the file.
        depth_files: S paths of 16-bit PNGs of the images' sizes, with `DEPTH_SCALE` a unit.
        points_file: a PLY in the same world, from which splats may start.
        T_camera_world: (S, 3, 4), OpenCV.
        intrinsics: (S, 3, 3) in pixels of the images, whole numbers are pixel centres.
        sizes: S times width and height.
        of_frames: more keys of the frames, each with S values: `mask_path` for PNGs in which 0 is
            ignored, `time`.
        of_all: more keys of the file.

    Raises:
        WriteError: the file cannot be written.
    """
    T_world_camera = as_homogeneous(invert_rigid(T_camera_world)) @ as_homogeneous(
        np.pad(OPENGL_AXES, ((0, 0), (0, 1)))
    )
    frames: list[dict[str, Json]] = [
        {
            "file_path": image,
            "depth_file_path": depth,
            "w": width,
            "h": height,
            "fl_x": k[0, 0],
            "fl_y": k[1, 1],
            "cx": k[0, 2] + 0.5,
            "cy": k[1, 2] + 0.5,
            "transform_matrix": pose.tolist(),
        }
        for image, depth, (width, height), k, pose in zip(
            image_files, depth_files, sizes, intrinsics, T_world_camera, strict=True
        )
    ]
    for key, values in of_frames.items():
        for frame, value in zip(frames, values, strict=True):
            frame[key] = value
    content: dict[str, Json] = {
        "camera_model": "OPENCV",
        "applied_transform": np.eye(3, 4).tolist(),
        "applied_scale": 1.0,
        "depth_unit_scale_factor": 1 / DEPTH_SCALE,
        "ply_file_path": points_file,
        **of_all,
        "frames": list(frames),
    }
    with writing(path):
        path.write_text(to_text(content), encoding="utf-8")
