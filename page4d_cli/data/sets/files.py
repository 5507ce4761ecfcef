"""What data sets without lists have in common: pictures in order, and files named after them."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from page4d_cli.core.arrays import LARGEST, ArrayKind, ArraySpec, read_npy
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.text_table import read_rows
from page4d_cli.core.types import Float64Array

DEPTH = ArraySpec(ArrayKind.NUMBER, ("H", "W"), takes_channel=True)
UNTIMED = "no time stamps: frames are counted as seconds"


def count_as_seconds(count: int) -> Float64Array:
    """(S,) 0, 1, 2, …: stamps of frames of which no time is known."""
    return np.arange(count, dtype=np.float64)


def frames_in(folder: Path, *patterns: str) -> tuple[Path, ...]:
    """Files of a folder in natural order.

    Args:
        folder: where they lie.
        patterns: of their names, any of which must match.

    Raises:
        DatasetError: there is none.
    """
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    if not found:
        raise DatasetError(f"{folder} holds no {' or '.join(patterns)}")
    return tuple(natsorted(found))


def partners_in(folder: Path, frames: Iterable[Path], suffix: str) -> tuple[Path, ...] | None:
    """Files of a folder that are named after frames.

    Args:
        folder: where they lie.
        frames: the pictures.
        suffix: of the files, `.npy` for instance.

    Returns:
        One for each frame; None if there is no such folder.

    Raises:
        DatasetError: the folder is there, and a file is not.
    """
    return files_called(folder, [f"{frame.stem}{suffix}" for frame in frames])


def files_called(folder: Path, names: Sequence[str]) -> tuple[Path, ...] | None:
    """Files of a folder that are called as frames ask for; as `partners_in`.

    Args:
        folder: where they lie.
        names: one for each frame.
    """
    if not folder.is_dir():
        return None
    found = {path.name for path in folder.iterdir()}
    missing = [name for name in names if name not in found]
    if missing:
        raise DatasetError(
            f"{folder / missing[0]} does not exist ({len(missing)} of {len(names)} such files are "
            "missing); unpack the data set again"
        )
    return tuple(folder / name for name in names)


def numbers_of(frames: Sequence[Path]) -> list[int]:
    """The numbers at the end of frames' names, before their extensions.

    Raises:
        DatasetError: a name has none, or one is missing between two frames.
    """
    digits = [re.search(r"\d+$", frame.stem) for frame in frames]
    numbers: list[int] = []
    for frame, found in zip(frames, digits, strict=True):
        if found is None:
            raise DatasetError(f"{frame}: the name does not end in the number of the frame")
        number = int(found.group())
        if numbers and number != numbers[-1] + 1:
            name = f"{frame.stem[: found.start()]}{numbers[-1] + 1:0{len(found.group())}d}"
            raise DatasetError(
                f"{frame.with_name(name)}{frame.suffix} does not exist, {frame.name} does; "
                "unpack the data set again"
            )
        numbers.append(number)
    return numbers


def absent(what: str, folder: Path) -> str:
    """Note that a kind of ground truth is not there."""
    return f"no {what}: {folder} does not exist"


def read_npy_depth(path: Path) -> NDArray[Any]:
    """Read a map (H, W) or (H, W, 1).

    Raises:
        DatasetError: it is absent, damaged, or of another shape or type.
    """
    return read_npy(path, DEPTH, DatasetError, "unpack the data set again")


def read_numbers(path: Path, rows: int | None, columns: int) -> Float64Array:
    """Read a table of numbers in a text file.

    Args:
        path: the file.
        rows: how many there must be; None takes any number.
        columns: how many there must be in each.

    Returns:
        (rows, columns); `inf` and `nan` are let through.

    Raises:
        DatasetError: it is absent or of another form; file and line are named.
    """
    names = " ".join(f"T{index // 4}{index % 4}" for index in range(columns))
    table = []
    for where, words in read_rows(path, names, DatasetError):
        try:
            row = [float(word) for word in words]
        except ValueError as error:
            raise DatasetError(f"{where}: {error}; expected numbers") from error
        if any(LARGEST < abs(value) < math.inf for value in row):
            raise DatasetError(f"{where}: expected numbers up to {LARGEST:g}, inf or nan")
        table.append(row)
    if rows is not None and len(table) != rows:
        raise DatasetError(f"{path} has {len(table)} rows; expected {rows}")
    return np.array(table)
