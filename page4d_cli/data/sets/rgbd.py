"""Raw folders of RGB-D recordings: lists of pictures and poses, each with a clock of its own.

The form is that of the TUM RGB-D benchmark (Sturm et al., A Benchmark for the Evaluation of RGB-D
SLAM Systems, IROS 2012; "File Formats" on the benchmark's pages): `rgb.txt` and `depth.txt` with
rows `timestamp file`, `groundtruth.txt` with rows `timestamp tx ty tz qx qy qz qw`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.core.types import Float32Array, Float64Array

MAX_POSE_OFFSET_S = 0.02
MAX_DEPTH_OFFSET_S = 0.04
DEPTH_SCALE = 5000.0
"""PNG values a metre."""
LISTS = ("rgb.txt", "depth.txt", "groundtruth.txt")
POSE_COLUMNS = "timestamp tx ty tz qx qy qz qw"


@dataclass(frozen=True)
class Recording:
    """The frames of a folder with the depth maps and poses that belong to them. Shapes: S frames.

    `None` stands for what the folder has none of.
    """

    images: tuple[Path, ...]
    depths: tuple[Path, ...] | None
    timestamps_s: Float64Array
    """(S,) of the pictures."""
    T_world_recorded: Float64Array | None
    """(S, 3, 4): the rows of the list of poses as they stand."""
    pose_timestamps_s: Float64Array | None
    """(S,) of the poses."""
    depth_timestamps_s: Float64Array | None
    """(S,) of the depth maps."""
    notes: tuple[str, ...]
    """What was left out, counted."""

    @property
    def read_depth(self) -> Callable[[int], Float32Array] | None:
        """Depth (H, W) of a frame in metres, 0 = none."""
        depths = self.depths
        return None if depths is None else lambda index: read_depth16(depths[index])


def read_recording(folder: Path) -> Recording:
    """Read the lists of a folder and put together what belongs together.

    A pose belongs to a picture if they are less than 0.02 s apart, a depth map within 0.04 s;
    nothing is used twice, the closest are paired first. What lacks one of the three is left out.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.

    Raises:
        DatasetError: a list is absent, empty or malformed (file and line are named), or no frame is
            complete.
    """
    image_s, images = read_file_list(folder / "rgb.txt")
    depth_s, depths = read_file_list(folder / "depth.txt")
    pose_s, poses = read_pose_list(folder / "groundtruth.txt")
    pose_of = associate(image_s, pose_s, MAX_POSE_OFFSET_S)
    depth_of = associate(image_s, depth_s, MAX_DEPTH_OFFSET_S)
    kept = sorted(pose_of.keys() & depth_of.keys(), key=lambda index: image_s[index])
    if not kept:
        raise DatasetError(
            f"{folder}: no picture of {len(images)} has a pose within {MAX_POSE_OFFSET_S} s and a "
            f"depth map within {MAX_DEPTH_OFFSET_S} s; do the time stamps share one clock?"
        )
    missing = [
        f"{count} of {len(images)} pictures left out: no {what}"
        for what, found in (("pose", pose_of), ("depth", depth_of))
        if (count := len(images) - len(found))
    ]
    return Recording(
        images=tuple(images[index] for index in kept),
        depths=tuple(depths[depth_of[index]] for index in kept),
        timestamps_s=image_s[kept],
        T_world_recorded=poses[[pose_of[index] for index in kept]],
        pose_timestamps_s=pose_s[[pose_of[index] for index in kept]],
        depth_timestamps_s=depth_s[[depth_of[index] for index in kept]],
        notes=tuple(missing),
    )


def associate(times_s: Float64Array, others_s: Float64Array, limit_s: float) -> dict[int, int]:
    """Pair time stamps one to one, those closest together first.

    Args:
        times_s: (A,) seconds, in any order.
        others_s: (B,) seconds, in any order.
        limit_s: pairs are less than this apart.

    Returns:
        Index into `others_s` by index into `times_s`, for those that found a partner.
    """
    order = np.argsort(others_s, kind="stable")
    ordered = others_s[order]
    first = np.searchsorted(ordered, times_s - limit_s, "right")
    last = np.searchsorted(ordered, times_s + limit_s, "left")
    candidates = sorted(
        (abs(float(times_s[a] - ordered[b])), a, int(order[b]))
        for a in range(len(times_s))
        for b in range(first[a], last[a])
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, a, b in candidates:
        if a not in pairs and b not in taken:
            pairs[a] = b
            taken.add(b)
    return pairs


def read_depth16(path: Path, scale: float = DEPTH_SCALE) -> Float32Array:
    """Read depth from a 16-bit grey PNG.

    Args:
        path: the file.
        scale: values a metre.

    Returns:
        (H, W) metres, 0 = none.

    Raises:
        DatasetError: the file is absent, damaged or of another form.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            mode, values = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no PNG"
        raise DatasetError(f"cannot read {path}: {reason}; expected a 16-bit grey PNG") from error
    # Pillow before 11.3 opens some 16-bit PNGs as 32-bit whole numbers.
    if not (mode.startswith("I;16") or mode == "I"):
        raise DatasetError(f"{path} is a picture of mode {mode}; expected a 16-bit grey PNG")
    return (values / scale).astype(np.float32)


def matrix_from_pinhole(pinhole: Sequence[float]) -> Float64Array:
    """K (3, 3) of fx, fy, cx, cy."""
    fx, fy, cx, cy = pinhole
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def read_file_list(path: Path) -> tuple[Float64Array, list[Path]]:
    """Read rows `timestamp file`.

    Args:
        path: rgb.txt or depth.txt.

    Returns:
        (S,) seconds and S paths, in the order of the rows.

    Raises:
        DatasetError: the list is absent, empty or malformed; file and line are named.
    """
    rows = [
        (parse_number(where, "timestamp", words[0]), path.parent / words[1])
        for where, words in read_rows(path, "timestamp file")
    ]
    return np.array([stamp for stamp, _ in rows]), [file for _, file in rows]


def read_pose_list(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read rows `timestamp tx ty tz qx qy qz qw`; quaternions are brought to unit length.

    Args:
        path: groundtruth.txt.

    Returns:
        (S,) seconds and (S, 3, 4) poses, in the order of the rows.

    Raises:
        DatasetError: the list is absent, empty or malformed; file and line are named.
    """
    names = POSE_COLUMNS.split()
    table = []
    for where, words in read_rows(path, POSE_COLUMNS):
        row = [parse_number(where, name, word) for name, word in zip(names, words, strict=True)]
        length = math.hypot(*row[4:])
        if not 0.9 < length < 1.1:
            raise DatasetError(
                f"{where}: the quaternion qx qy qz qw has length {length:g}; expected 1"
            )
        table.append(row)
    poses: NDArray[Any] = np.array(table)
    rotation = matrix_from_quat_xyzw(poses[:, 4:])
    return poses[:, 0], np.concatenate([rotation, poses[:, 1:4, None]], axis=2)


def read_rows(path: Path, columns: str) -> list[tuple[str, list[str]]]:
    """Split the rows of a list that are no comments.

    Args:
        path: a text file.
        columns: their names, with blanks between.

    Returns:
        File and line for messages, and the words, of each row.

    Raises:
        DatasetError: the list is absent, empty, or a row has another number of columns.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        hint = f"; a raw folder has {', '.join(LISTS)}" if path.name in LISTS else ""
        raise DatasetError(f"cannot read {path}: {reason}{hint}") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{path}, line {number}"
        if len(words) != len(columns.split()):
            raise DatasetError(
                f"{where}: {len(words)} columns; expected {len(columns.split())}: {columns}"
            )
        rows.append((where, words))
    if not rows:
        raise DatasetError(f"{path} has no rows; expected {columns}, one a line")
    return rows


def parse_number(where: str, name: str, word: str) -> float:
    """Read a finite number.

    Args:
        where: file and line, for the message.
        name: of the column.
        word: as it stands there.

    Raises:
        DatasetError: it is none.
    """
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{where}: {name} is {word!r}; expected a finite number")
    return value
