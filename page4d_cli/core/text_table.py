"""Tables in text files: a row a line, blanks or commas between words, '#' starts a comment."""

import math
from pathlib import Path

import numpy as np

from page4d_cli.core.arrays import LARGEST
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.core.types import Float64Array
from page4d_cli.core.wording import count_noun

FILE_COLUMNS = "timestamp file"
POSE_COLUMNS = "timestamp tx ty tz qx qy qz qw"
"""Both of the TUM RGB-D benchmark (Sturm et al., IROS 2012; "File Formats" on its pages)."""
_LEAST_LENGTH, _MOST_LENGTH = 0.9, 1.1
"""Of quaternions."""


def read_text(path: Path, expected: str, error: type[InputError]) -> str:
    """Read a text file; a byte order mark is left out.

    Args:
        path: the file.
        expected: what should be in it, for the message.
        error: what is raised.

    Raises:
        InputError: `error`: the file is absent or no text.
    """
    try:
        if path.exists() and not path.is_file():
            raise error(f"{path} is no file; expected {expected}")
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise ValueError
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not a text file"
        raise error(f"cannot read {path}: {reason}; expected {expected}") from fault
    return text


def read_rows(path: Path, columns: str, error: type[InputError]) -> list[tuple[str, list[str]]]:
    """Split the rows of a table.

    Args:
        path: a text file.
        columns: their names, with blanks between.
        error: what is raised.

    Returns:
        File and line for messages, and the words, of each row.

    Raises:
        InputError: `error`: the file is absent, no text, without rows, or a row has another number
            of columns.
    """
    rows = []
    text = read_text(path, f"{columns}, one a line", error)
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        where, count = f"{path}, line {number}", len(columns.split())
        if len(words) != count:
            raise error(f"{where}: {count_noun(len(words), 'column')}; expected {count}: {columns}")
        rows.append((where, words))
    if not rows:
        raise error(f"{path} has no rows; expected {columns}, one a line")
    return rows


def parse_number(
    where: str, name: str, word: str, error: type[InputError], *, most: float = LARGEST
) -> float:
    """Read a number that can be computed with: finite, and its square, too.

    Args:
        where: file and line, for the message.
        name: of the column.
        word: as it stands there.
        error: what is raised.
        most: its greatest magnitude.

    Raises:
        InputError: `error`: it is none.
    """
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        raise error(f"{where}: {name} is {word[:40]!r}; expected a finite number up to {most:g}")
    return value


def read_poses(path: Path, error: type[InputError]) -> tuple[Float64Array, Float64Array]:
    """Read rows of `POSE_COLUMNS`; quaternions are brought to unit length.

    Args:
        path: a text file.
        error: what is raised.

    Returns:
        (S,) time stamps and (S, 3, 4) poses, in the order of the rows.

    Raises:
        InputError: `error`: the file is absent, without rows or malformed; file and line are named.
    """
    names = POSE_COLUMNS.split()
    table = []
    for where, words in read_rows(path, POSE_COLUMNS, error):
        row = [
            parse_number(where, name, word, error) for name, word in zip(names, words, strict=True)
        ]
        length = math.hypot(*row[4:])
        if not _LEAST_LENGTH < length < _MOST_LENGTH:
            raise error(f"{where}: the quaternion qx qy qz qw has length {length:g}; expected 1")
        table.append(row)
    poses = np.array(table)
    rotation = matrix_from_quat_xyzw(poses[:, 4:])
    return poses[:, 0], np.concatenate([rotation, poses[:, 1:4, None]], axis=2)
