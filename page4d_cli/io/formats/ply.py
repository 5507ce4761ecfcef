"""Coloured point clouds as binary little-endian PLY (Turk, The PLY Polygon File Format, 1994)."""

import re
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import RunError
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.io.whole.writing import writing

_VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])  # packed: 15 bytes a point
_HEADER = """ply
format binary_little_endian 1.0
comment page4d; {about}
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
"""
_PREDICTED = "world: first camera, OpenCV axes; unit: relative (no metric scale)"
_BEFORE_ABOUT, _BEFORE_COUNT, _AFTER_COUNT = (
    part.encode("ascii") for part in re.split(r"\{\w+\}", _HEADER)
)


def write_ply(
    path: Path, points: Float32Array, colors: UInt8Array, about: str = _PREDICTED
) -> None:
    """Write coloured points.

    Args:
        path: the file, replaced if it is there.
        points: (N, 3) x y z in the world, all finite.
        colors: (N, 3) red green blue.
        about: frame and unit of the points, one line of ASCII for the header.

    Raises:
        ValueError: shapes do not fit together, or a point is not finite.
        WriteError: the file cannot be written.
    """
    if points.ndim != 2 or points.shape[1] != 3 or points.shape != colors.shape:
        raise ValueError(f"points {points.shape} and colors {colors.shape}: expected (N, 3) twice")
    if not np.isfinite(points).all():
        raise ValueError("points has values that are not finite: leave those points out")
    vertices = np.empty(len(points), _VERTEX)
    vertices["xyz"], vertices["rgb"] = points, colors
    with writing(path), path.open("wb") as file:
        file.write(_HEADER.format(about=about, count=len(points)).encode("ascii"))
        file.write(vertices.data)


def read_ply(path: Path) -> tuple[Float32Array, UInt8Array]:
    """Read a file of exactly the form that `write_ply` writes.

    Args:
        path: a PLY file of page4d.

    Returns:
        points (N, 3) and colors (N, 3).

    Raises:
        RunError: the file is absent, cut short, or a PLY of another form.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    before, separator, body = content.partition(_AFTER_COUNT)
    about, _, digits = before.removeprefix(_BEFORE_ABOUT).partition(_BEFORE_COUNT)
    known = before.startswith(_BEFORE_ABOUT) and b"\n" not in about
    if not (separator and known and digits.isdigit()):
        raise RunError(f"{path} is not a point cloud of page4d; open it with a general PLY reader")
    if len(body) != int(digits) * _VERTEX.itemsize:
        raise RunError(
            f"{path} is damaged: {len(body)} bytes of points; expected "
            f"{int(digits) * _VERTEX.itemsize} for {int(digits)} points; write it again"
        )
    vertices = np.frombuffer(body, _VERTEX)
    return vertices["xyz"].astype(np.float32), vertices["rgb"].copy()
