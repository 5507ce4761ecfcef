"""Coloured points and surfaces as binary PLY (Turk, The PLY Polygon File Format, 1994)."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.io.whole.writing import writing

_VERTEX = [("xyz", "<f4", 3), ("rgb", "u1", 3)]
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
{scalars}{faces}end_header
"""
_FACE = np.dtype([("corners", "u1"), ("indices", "<i4", 3)])
_FACES = """element face {count}
property list uchar int vertex_indices
"""


def first_camera(unit: LengthUnit) -> str:
    """What the header says of predicted points."""
    return f"world: first camera, OpenCV axes; unit: {unit.in_words()}"


_RELATIVE = first_camera(LengthUnit.RELATIVE)


def write_ply(
    path: Path,
    points: Float32Array,
    colors: UInt8Array,
    about: str = _RELATIVE,
    *,
    triangles: NDArray[np.int32] | None = None,
    scalars: Mapping[str, Float32Array] = MappingProxyType({}),
) -> None:
    """Write coloured points, or a surface through them.

    Args:
        path: the file, replaced if it is there.
        points: (N, 3) x y z in the world, all finite.
        colors: (N, 3) red green blue.
        about: frame and unit of the points, one line of ASCII for the header; `first_camera`.
        triangles: (T, 3) indices of points.
        scalars: further properties, (N,) each, by name.

    Raises:
        ValueError: shapes do not fit together, or a point is not finite.
        WriteError: the file cannot be written.
    """
    if points.ndim != 2 or points.shape[1] != 3 or points.shape != colors.shape:
        raise ValueError(f"points {points.shape} and colors {colors.shape}: expected (N, 3) twice")
    if not np.isfinite(points).all():
        raise ValueError("points has values that are not finite: leave those points out")
    kinds = [*_VERTEX, *((name, "<f4") for name in scalars)]
    vertices = np.empty(len(points), np.dtype(kinds))  # packed: 15 bytes a point, without scalars
    vertices["xyz"], vertices["rgb"] = points, colors
    for name, values in scalars.items():
        vertices[name] = values
    faces = np.empty(0 if triangles is None else len(triangles), _FACE)
    if triangles is not None:
        faces["corners"], faces["indices"] = 3, triangles
    header = _HEADER.format(
        about=about,
        count=len(points),
        scalars="".join(f"property float {name}\n" for name in scalars),
        faces="" if triangles is None else _FACES.format(count=len(faces)),
    )
    with writing(path), path.open("wb") as file:
        file.write(header.encode("ascii"))
        file.write(vertices.data)
        file.write(faces.data)
