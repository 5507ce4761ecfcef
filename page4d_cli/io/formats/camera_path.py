"""Camera paths as others write them: TUM, KITTI, EuRoC and TUM-VI, told by their rows.

| form | row | separators |
|---|---|---|
| TUM RGB-D | `t tx ty tz qx qy qz qw` | blanks or commas |
| KITTI odometry | the 12 numbers of a 3×4 matrix, no times | blanks or commas |
| EuRoC MAV, TUM-VI | `t px py pz qw qx qy qz` and, in EuRoC's, nine more columns | commas |

Eight columns are EuRoC's, with w first, if the header names `qw` or `q_RS_w` before the others, or
else if there are commas between them and times are whole nanoseconds. Times are seconds,
milliseconds, microseconds or nanoseconds by their digits: today has 10 digits in seconds.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import matrix_from_quat_xyzw, rotation_error
from page4d_cli.core.text_table import parse_number, read_text
from page4d_cli.core.types import Float64Array
from page4d_cli.core.wording import count_noun
from page4d_cli.io.formats.trajectory import require_one_world

_KITTI, _TUM, _EUROC = 12, 8, 17
_EXPECTED = "8 columns (TUM, TUM-VI), 12 (KITTI) or 17 (EuRoC), one pose a line"
_UNITS = ((1e17, 1e9, "nanoseconds"), (1e14, 1e6, "microseconds"), (1e11, 1e3, "milliseconds"))
_LENGTHS = 1e-6, 1e6
_W_LAST = ("tx", "ty", "tz", "qx", "qy", "qz", "qw")
_W_FIRST = ("px", "py", "pz", "qw", "qx", "qy", "qz")
_ORTHONORMAL = 1e-2


@dataclass(frozen=True)
class CameraPath:
    """A path that was read. S poses."""

    timestamps_s: Float64Array
    """(S,) seconds, ascending; 0, 1, 2, … where the file has none."""
    T_world_camera: Float64Array
    """(S, 3, 4) camera-to-world."""
    notes: tuple[str, ...]
    """What was understood beyond the plain TUM form, a line each."""


def read_camera_path(path: Path) -> CameraPath:
    """Read a camera path in any of the forms.

    Args:
        path: a text file.

    Raises:
        RunError: the file is absent, without rows or malformed (file and line are named), or of
            several worlds.
    """
    text = read_text(path, _EXPECTED, RunError)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    require_one_world(path, (line for _, line in lines))
    header = [line for _, line in lines if line.startswith("#") or _is_header(line)]
    rows = [
        (f"{path}, line {number}", re.split(r"[,;\s]+", line.strip(",; ")))
        for number, line in lines
        if line and line not in header
    ]
    if not rows:
        raise RunError(f"{path} has no rows; expected {_EXPECTED}")
    columns = len(rows[0][1])
    if columns not in (_KITTI, _TUM, _EUROC):
        raise RunError(f"{rows[0][0]}: {count_noun(columns, 'column')}; expected {_EXPECTED}")
    for where, words in rows:
        if len(words) != columns:
            raise RunError(f"{where}: {count_noun(len(words), 'column')}; expected {columns}")
    if columns == _KITTI:
        return _kitti(rows, path)
    timestamps_s, unit = _seconds(rows)
    w_first = columns == _EUROC or _has_w_first(header, text, unit)
    poses = np.stack([_pose(where, words[1:8], w_first=w_first) for where, words in rows])
    notes = [f"{path}: read as EuRoC's form, the quaternion's w first"] if w_first else []
    notes += [f"{path}: its times are {unit}"] if unit else []
    order = np.argsort(timestamps_s, kind="stable")
    if (np.diff(order) < 0).any():
        notes.append(f"{path}: its rows were sorted by time")
    return CameraPath(timestamps_s[order], poses[order], tuple(notes))


def _is_header(line: str) -> bool:
    """Names of columns without a sign before them."""
    return (
        re.match(r"[A-Za-z_\"]", line) is not None and re.match(r"(nan|inf)\b", line, re.I) is None
    )


def _seconds(rows: list[tuple[str, list[str]]]) -> tuple[Float64Array, str | None]:
    """Time stamps, and their unit if it is another."""
    stamps = [
        parse_number(where, "timestamp", words[0], RunError, most=1e20) for where, words in rows
    ]
    largest = max(map(abs, stamps))
    for least, a_second, unit in _UNITS:
        if largest >= least:
            return np.array([_whole(words[0]) / a_second for _, words in rows]), unit
    return np.array(stamps), None


def _whole(word: str) -> float:
    """A count of nanoseconds has more digits than a float."""
    return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)


def _has_w_first(header: list[str], text: str, unit: str | None) -> bool:
    """Whether the quaternions of eight columns begin with w."""
    for line in header:
        names = re.findall(r"\bq_?(?:RS_)?([wxyz])\b", line, re.IGNORECASE)
        if len(names) >= 4:
            return bool(names[0].lower() == "w")
    return unit == "nanoseconds" and "," in text


def _pose(where: str, words: list[str], *, w_first: bool) -> Float64Array:
    """(3, 4) of a position and a quaternion of any length."""
    names = _W_FIRST if w_first else _W_LAST
    values = [
        parse_number(where, name, word, RunError) for name, word in zip(names, words, strict=True)
    ]
    quaternion = [*values[4:], values[3]] if w_first else values[3:]
    length = math.hypot(*quaternion)
    if not _LENGTHS[0] < length < _LENGTHS[1]:
        in_words = " ".join(names[3:])
        raise RunError(f"{where}: the quaternion {in_words} has length {length:g}; expected 1")
    rotation = matrix_from_quat_xyzw(np.array(quaternion))
    return np.column_stack([rotation, values[:3]])


def _kitti(rows: list[tuple[str, list[str]]], path: Path) -> CameraPath:
    poses = np.empty((len(rows), 3, 4))
    for pose, (where, words) in zip(poses, rows, strict=True):
        values = [parse_number(where, "a value of the pose", word, RunError) for word in words]
        pose[:] = np.reshape(values, (3, 4))
        if rotation_error(pose[:, :3]) > _ORTHONORMAL:
            raise RunError(f"{where}: the first three columns of the matrix are no rotation")
    note = f"{path}: read as KITTI's form, which has no times; poses are counted"
    return CameraPath(np.arange(len(rows), dtype=np.float64), poses, (note,))
