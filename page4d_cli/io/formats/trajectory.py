"""Camera paths and intrinsics as text tables: one row a frame, '#' starts a comment.

`trajectory.txt` has the format of the TUM RGB-D benchmark (Sturm et al., A Benchmark for the
Evaluation of RGB-D SLAM Systems, IROS 2012; "File Formats" on the benchmark's pages).
"""

import math
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import FloatArray, matrix_from_quat_xyzw, quat_xyzw_from_matrix
from page4d_cli.core.types import Float64Array
from page4d_cli.io.whole.writing import writing

_TRAJECTORY_COLUMNS = ("timestamp", "tx", "ty", "tz", "qx", "qy", "qz", "qw")
_TRAJECTORY_HEADER = (
    "TUM format; pose: camera-to-world (T_world_camera), OpenCV axes, world: first camera",
    "timestamp in seconds; unit of length: relative (no metric scale)",
)
_INTRINSICS_COLUMNS = ("timestamp", "fx", "fy", "cx", "cy")
_INTRINSICS_HEADER = (
    "pinhole intrinsics in pixels of the source pictures; whole numbers are pixel centres",
    "timestamp in seconds",
)


def write_tum(path: Path, timestamps_s: Float64Array, T_world_camera: FloatArray) -> None:
    """Write camera-to-world poses as rows `t tx ty tz qx qy qz qw`.

    Args:
        path: the file, replaced if it is there.
        timestamps_s: (S,) seconds, kept to the microsecond.
        T_world_camera: (S, 3, 4) camera-to-world, all finite: leave out the other frames.

    Raises:
        ValueError: shapes do not fit together, or a value is not finite.
        WriteError: the file cannot be written.
    """
    _require_rows("T_world_camera", T_world_camera, len(timestamps_s), (3, 4))
    quat_xyzw = quat_xyzw_from_matrix(T_world_camera[:, :3, :3])
    values = np.concatenate([T_world_camera[:, :3, 3], quat_xyzw], axis=1)
    _write_table(path, _TRAJECTORY_HEADER, _TRAJECTORY_COLUMNS, timestamps_s, values)


def read_tum(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read camera-to-world poses; the inverse of `write_tum`.

    Args:
        path: a trajectory in TUM format.

    Returns:
        timestamps_s (S,) and T_world_camera (S, 3, 4). Quaternions are brought to unit length.

    Raises:
        RunError: the file or a row of it cannot be read; the message names file and line.
    """
    rows = _read_table(path, _TRAJECTORY_COLUMNS)
    for line, row in rows:
        length = math.hypot(*row[4:])
        if not 1e-6 < length < 1e6:
            raise RunError(
                f"{path}, line {line}: the quaternion qx qy qz qw has length {length:g}, "
                "which is no rotation; expected length 1"
            )
    table = _stack(rows, _TRAJECTORY_COLUMNS)
    rotation = matrix_from_quat_xyzw(table[:, 4:])
    return table[:, 0], np.concatenate([rotation, table[:, 1:4, None]], axis=2)


def write_kitti(path: Path, T_world_camera: FloatArray) -> None:
    """Write camera-to-world poses as KITTI's odometry benchmark does: 12 numbers of 3×4 a row.

    The format has neither time stamps nor comments (Geiger et al., CVPR 2012).

    Args:
        path: the file, replaced if it is there.
        T_world_camera: (S, 3, 4) camera-to-world, all finite.

    Raises:
        ValueError: the shape is another, or a value is not finite.
        WriteError: the file cannot be written.
    """
    _require_rows("T_world_camera", T_world_camera, len(T_world_camera), (3, 4))
    lines = [" ".join(f"{value:.12g}" for value in pose.ravel()) for pose in T_world_camera]
    with writing(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_intrinsics(path: Path, timestamps_s: Float64Array, intrinsics: FloatArray) -> None:
    """Write pinhole intrinsics as rows `timestamp fx fy cx cy`.

    Args:
        path: the file, replaced if it is there.
        timestamps_s: (S,) seconds, kept to the microsecond.
        intrinsics: (S, 3, 3) in pixels of the source, all finite: leave out the other frames.

    Raises:
        ValueError: shapes do not fit together, or a value is not finite.
        WriteError: the file cannot be written.
    """
    _require_rows("intrinsics", intrinsics, len(timestamps_s), (3, 3))
    values = intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]]
    _write_table(path, _INTRINSICS_HEADER, _INTRINSICS_COLUMNS, timestamps_s, values)


def read_intrinsics(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read pinhole intrinsics; the inverse of `write_intrinsics`.

    Args:
        path: a table with the columns timestamp, fx, fy, cx, cy.

    Returns:
        timestamps_s (S,) and intrinsics (S, 3, 3) in pixels of the source.

    Raises:
        RunError: the file or a row of it cannot be read; the message names file and line.
    """
    table = _stack(_read_table(path, _INTRINSICS_COLUMNS), _INTRINSICS_COLUMNS)
    intrinsics = np.zeros((len(table), 3, 3))
    intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]] = table[:, 1:]
    intrinsics[:, 2, 2] = 1
    return table[:, 0], intrinsics


def _require_rows(name: str, array: FloatArray, count: int, shape: tuple[int, int]) -> None:
    if array.shape != (count, *shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {(count, *shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite: leave those frames out")


def _write_table(
    path: Path,
    header: tuple[str, ...],
    columns: tuple[str, ...],
    timestamps_s: Float64Array,
    values: FloatArray,
) -> None:
    if not np.isfinite(timestamps_s).all():
        raise ValueError("timestamps_s has values that are not finite")
    lines = [f"# {line}" for line in (*header, " ".join(columns))]
    for timestamp_s, row in zip(timestamps_s, values, strict=True):
        # Twelve digits are far more than float32 has, and stay readable.
        lines.append(" ".join([f"{timestamp_s:.6f}", *(f"{value:.12g}" for value in row)]))
    with writing(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_table(path: Path, columns: tuple[str, ...]) -> list[tuple[int, list[float]]]:
    """Rows of numbers with their line numbers, which count from 1."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise RunError(f"cannot read {path}: {reason}; expected {' '.join(columns)}") from error
    return [
        (number, _parse_row(f"{path}, line {number}", line, columns))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]


def _parse_row(where: str, line: str, columns: tuple[str, ...]) -> list[float]:
    words = line.split()
    if len(words) != len(columns):
        raise RunError(
            f"{where}: {len(words)} columns; expected {len(columns)}: {' '.join(columns)}"
        )
    row = []
    for name, word in zip(columns, words, strict=True):
        try:
            value = float(word)
        except ValueError:
            raise RunError(f"{where}: {name} is {word!r}, which is not a number") from None
        if not math.isfinite(value):
            raise RunError(f"{where}: {name} is {word}; expected a finite number")
        row.append(value)
    return row


def _stack(rows: list[tuple[int, list[float]]], columns: tuple[str, ...]) -> Float64Array:
    return np.array([row for _, row in rows], np.float64).reshape(-1, len(columns))
