"""Camera paths and intrinsics as text tables: one row a frame, '#' starts a comment.

`trajectory.txt` has the format of the TUM RGB-D benchmark (Sturm et al., A Benchmark for the
Evaluation of RGB-D SLAM Systems, IROS 2012; "File Formats" on the benchmark's pages).
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import FloatArray, quat_xyzw_from_matrix
from page4d_cli.core.text_table import POSE_COLUMNS
from page4d_cli.core.types import Float64Array
from page4d_cli.io.whole.writing import writing

_TRAJECTORY_HEADER = "TUM format; pose: camera-to-world (T_world_camera), OpenCV axes, world"
FIRST_CAMERA = "first camera"
_NEW_WORLD = "# segment: a world and a unit of its own begins"
_INTRINSICS_COLUMNS = "timestamp fx fy cx cy"


def write_tum(
    path: Path,
    timestamps_s: Float64Array,
    T_world_camera: FloatArray,
    *,
    unit: LengthUnit = LengthUnit.RELATIVE,
    world: str = FIRST_CAMERA,
    new_worlds: Collection[int] = (),
) -> None:
    """Write camera-to-world poses as rows `t tx ty tz qx qy qz qw`.

    Args:
        path: the file, replaced if it is there.
        timestamps_s: (S,) seconds, kept to the microsecond.
        T_world_camera: (S, 3, 4) camera-to-world, all finite: leave out the other frames.
        unit: what the header says of lengths.
        world: what it says of the world.
        new_worlds: rows, from 0, that do not go on where the row before was: a comment says so.

    Raises:
        ValueError: shapes do not fit together, or a value is not finite.
        WriteError: the file cannot be written.
    """
    _require_rows("T_world_camera", T_world_camera, len(timestamps_s), (3, 4))
    quat_xyzw = quat_xyzw_from_matrix(T_world_camera[:, :3, :3])
    values = np.concatenate([T_world_camera[:, :3, 3], quat_xyzw], axis=1)
    unit_of_length = f"timestamp in seconds; unit of length: {unit.in_words()}"
    header = (f"{_TRAJECTORY_HEADER}: {world}", unit_of_length)
    _write_table(path, header, POSE_COLUMNS, timestamps_s, values, new_worlds)


def require_one_world(path: Path, lines: Iterable[str]) -> None:
    """Refuse a file that `write_tum` wrote of several worlds.

    Raises:
        RunError: a comment among the lines says so.
    """
    if _NEW_WORLD in lines:
        raise RunError(
            f"{path} holds several segments, each with a world and a unit of its own: no one path; "
            f"take them one by one, from {path.stem}_1{path.suffix} on"
        )


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


def write_intrinsics(
    path: Path,
    timestamps_s: Float64Array,
    intrinsics: FloatArray,
    *,
    pixels_of: str = "the source pictures",
) -> None:
    """Write pinhole intrinsics as rows `timestamp fx fy cx cy`.

    Args:
        path: the file, replaced if it is there.
        timestamps_s: (S,) seconds, kept to the microsecond.
        intrinsics: (S, 3, 3), all finite: leave out the other frames.
        pixels_of: what the pixels are of, in words.

    Raises:
        ValueError: shapes do not fit together, or a value is not finite.
        WriteError: the file cannot be written.
    """
    _require_rows("intrinsics", intrinsics, len(timestamps_s), (3, 3))
    values = intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]]
    header = (
        f"pinhole intrinsics in pixels of {pixels_of}; whole numbers are pixel centres",
        "timestamp in seconds",
    )
    _write_table(path, header, _INTRINSICS_COLUMNS, timestamps_s, values)


def _require_rows(name: str, array: FloatArray, count: int, shape: tuple[int, int]) -> None:
    if array.shape != (count, *shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {(count, *shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite: leave those frames out")


def _write_table(
    path: Path,
    header: tuple[str, ...],
    columns: str,
    timestamps_s: Float64Array,
    values: FloatArray,
    new_worlds: Collection[int] = (),
) -> None:
    if not np.isfinite(timestamps_s).all():
        raise ValueError("timestamps_s has values that are not finite")
    lines = [f"# {line}" for line in (*header, columns)]
    for index, (timestamp_s, row) in enumerate(zip(timestamps_s, values, strict=True)):
        if index in new_worlds:
            lines.append(_NEW_WORLD)
        # Twelve digits are far more than float32 has, and stay readable.
        lines.append(" ".join([f"{timestamp_s:.6f}", *(f"{value:.12g}" for value in row)]))
    with writing(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
