"""Cameras of a folder's pictures in one file: `cameras.npz`, or `cameras.json` of the same names.

| name | holds |
|---|---|
| `T_camera_world`, or `extrinsics` as in a run | (S, 3, 4), OpenCV: x right, y down, z forward |
| `intrinsics`, may be absent | (S, 3, 3) or (3, 3), pixels; whole numbers are pixel centres |

S pictures, in natural order of their names.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.arrays import ArrayKind, ArraySpec, names_in_npz, read_npz
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.core.types import Float64Array

CAMERA_FILES = ("cameras.npz", "cameras.json")
_POSES = ("T_camera_world", "extrinsics")
_ADVICE = "see the folder data set in docs/datasets.md for what belongs there"


@dataclass(frozen=True)
class RecordedCameras:
    """Cameras of S pictures."""

    T_camera_world: Float64Array
    """(S, 3, 4)."""
    intrinsics: Float64Array | None
    """(S, 3, 3) or (3, 3)."""


@dataclass(frozen=True)
class _Json:
    T_camera_world: Json
    intrinsics: Json = None


def read_cameras(path: Path, count: int) -> RecordedCameras:
    """Read the cameras of so many pictures.

    Args:
        path: one of `CAMERA_FILES`.
        count: S.

    Raises:
        DatasetError: the file is damaged, or not of so many cameras.
    """
    return _from_json(path, count) if path.suffix == ".json" else _from_npz(path, count)


def _from_npz(path: Path, count: int) -> RecordedCameras:
    there = names_in_npz(path, DatasetError, _ADVICE)
    poses = next((name for name in _POSES if name in there), _POSES[0])
    specs = {poses: ArraySpec(ArrayKind.FLOAT, (count, 3, 4))}
    arrays = read_npz(path, specs, DatasetError, _ADVICE)
    k = _intrinsics_from_npz(path, count) if "intrinsics" in there else None
    return RecordedCameras(arrays[poses].astype(np.float64), k)


def _intrinsics_from_npz(path: Path, count: int) -> Float64Array:
    def read(*shape: int) -> Float64Array:
        specs = {"intrinsics": ArraySpec(ArrayKind.NUMBER, shape)}
        read = read_npz(path, specs, DatasetError, _ADVICE)
        return np.asarray(read["intrinsics"], np.float64)

    with suppress(DatasetError):
        return read(3, 3)
    return read(count, 3, 3)


def _from_json(path: Path, count: int) -> RecordedCameras:
    # Of what type the rows are, `_array` finds out.
    content = read_json(_Json, path, DatasetError, _ADVICE, defaults=True, foreign=True)
    poses = _array(path, "T_camera_world", content.T_camera_world, [(count, 3, 4)])
    if content.intrinsics is None:
        return RecordedCameras(poses, None)
    allowed = [(count, 3, 3), (3, 3)]
    return RecordedCameras(poses, _array(path, "intrinsics", content.intrinsics, allowed))


def _array(path: Path, name: str, rows: Json, shapes: list[tuple[int, ...]]) -> Float64Array:
    try:
        array = np.array(rows, np.float64)
    except (ValueError, TypeError):  # rows of several lengths, or words
        array = np.empty(0)
    if array.shape not in shapes or not np.isfinite(array).all():
        expected = " or ".join(map(str, shapes))
        raise DatasetError(f"{path}: {name} is no array of numbers of shape {expected}; {_ADVICE}")
    return array
