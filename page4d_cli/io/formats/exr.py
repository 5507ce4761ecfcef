"""Depth and points as OpenEXR (openexr.com); needs the extra `exr`.

The camera stands in the header as OpenEXR's standard attributes have it ("Standard Attributes" of
its documentation): matrices multiply row vectors from the right.

- `worldToCamera`: the camera's axes are x right, y up, z forward.
- `worldToNDC`: (x, y) after division by w is (0, 0) in the picture's upper left corner and (1, 1)
  in its lower right one.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import FloatArray, as_homogeneous
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.io.whole.writing import writing

CHANNELS = ["Z", "P.X", "P.Y", "P.Z"]
"""Depth, and where points are asked for, their coordinates in the world."""
MOST = {True: float(np.finfo(np.float16).max), False: float(np.finfo(np.float32).max)}
"""The greatest depth, in half precision and else."""
_UP = np.diag([1.0, -1.0, 1.0, 1.0])


def require_openexr() -> None:
    """Refuse at once what could not be written.

    Raises:
        InputError: the package is not installed.
    """
    if find_spec("OpenEXR") is None:
        raise InputError(
            "--format exr needs the package OpenEXR, which is not installed; "
            "pip install '.[exr]' in page4d's folder"
        )


def write_depth_exr(
    path: Path,
    depth: FloatArray,
    intrinsics: Float64Array,
    T_camera_world: Float64Array,
    *,
    points: Float32Array | None = None,
    half: bool = False,
    unit: LengthUnit = LengthUnit.RELATIVE,
) -> None:
    """Write the depth of a frame with its camera; 0 stands for none.

    Args:
        path: the file, replaced if it is there.
        depth: (H, W) planar z; NaN where there is none.
        intrinsics: (3, 3) in pixels of the map, whole numbers are pixel centres.
        T_camera_world: (3, 4), OpenCV.
        points: (H, W, 3) in the world; those without depth are written as 0.
        half: 16-bit floats; what is beyond 65504 has no depth.
        unit: of depth and points.

    Raises:
        InputError: the package is not installed.
        WriteError: the file cannot be written.
    """
    require_openexr()
    import OpenEXR

    height, width = depth.shape
    has_depth = depth <= MOST[half]  # false for NaN
    layers = [depth] if points is None else [depth, *np.moveaxis(points, -1, 0)]
    kind = np.float16 if half else np.float32
    channels = {
        name: np.where(has_depth, layer, 0).astype(kind)
        for name, layer in zip(CHANNELS, layers, strict=False)
    }
    view = as_homogeneous(T_camera_world)
    to_pixel = as_homogeneous(np.pad(intrinsics, ((0, 0), (0, 1))))[[0, 1, 3, 2]]
    # K with pixel corners at whole numbers, then corners of the picture at 0 and 1.
    to_pixel[:2, 2] += 0.5
    to_ndc = np.diag([1 / width, 1 / height, 1.0, 1.0]) @ to_pixel
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "worldToCamera": _row_vectors(_UP @ view),
        "worldToNDC": _row_vectors(to_ndc @ view),
        "comments": "Z: planar depth, 0 where there is none; world: first camera, OpenCV axes; "
        f"unit: {unit.in_words()}",
    }
    with writing(path):
        OpenEXR.File(header, channels).write(str(path))


def _row_vectors(matrix: FloatArray) -> Float32Array:
    """For multiplication from the right; OpenEXR takes the bytes as they lie."""
    return np.ascontiguousarray(matrix.T, np.float32)
