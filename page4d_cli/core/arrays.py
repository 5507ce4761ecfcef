"""Arrays of `.npy` and `.npz` files, whose headers are checked before memory is taken for them.

The one place where NumPy's files are opened: no pickles, no dtypes that nobody expects, no more
bytes than a header claims and the file has, no values that overflow as soon as they are squared.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import InputError

MOST_BYTES = 2**32
"""Of one array: far beyond any map, and what a compressed file may swell to."""
LARGEST = 1e18
"""Magnitude above which squares leave float32, which nothing that was measured or predicted has."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    SyntaxError,
    TokenError,
    RecursionError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise on bytes that are not what they wrote."""


class ArrayKind(Enum):
    """What the values of an array are; each has its letters of `numpy.dtype.kind`."""

    FLOAT = "f"
    NUMBER = "fiu"
    BOOL = "b"
    FLAG = "biuf"
    """Truth values, or numbers that stand for them."""


_WORDS = {
    ArrayKind.FLOAT: "floats",
    ArrayKind.NUMBER: "numbers",
    ArrayKind.BOOL: "booleans",
    ArrayKind.FLAG: "booleans",
}


@dataclass(frozen=True)
class ArraySpec:
    """What an array must be."""

    kind: ArrayKind
    shape: tuple[int | str, ...]
    """A name stands for any length, the same wherever it stands in the arrays of a file."""
    takes_channel: bool = False
    """Whether a last axis of length 1 may follow; it is taken off."""

    def with_lengths(self, lengths: Mapping[str, int]) -> "ArraySpec":
        """Put lengths in the place of names, of those that are known."""
        shape = tuple(
            lengths.get(side, side) if isinstance(side, str) else side for side in self.shape
        )
        return replace(self, shape=shape)

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an array may have this shape."""
        if self.takes_channel and shape[len(self.shape) :] == (1,):
            shape = shape[:-1]
        return len(shape) == len(self.shape) and all(
            side == expected if isinstance(expected, int) else side > 0
            for side, expected in zip(shape, self.shape, strict=True)
        )

    def __str__(self) -> str:
        comma = "," if len(self.shape) == 1 else ""
        return f"{_WORDS[self.kind]} of shape ({', '.join(map(str, self.shape))}{comma})"


class _UnusableError(ValueError):
    """An array is not what it must be; the message says how."""


def read_npy(
    path: Path, spec: ArraySpec, error: type[InputError], advice: str, *, mapped: bool = False
) -> NDArray[Any]:
    """Read a `.npy` file.

    Args:
        path: the file.
        spec: what the array must be.
        error: what to raise.
        advice: what to do about a file that cannot be used, for the message.
        mapped: leave the values on the disk.

    Returns:
        The array, in the machine's byte order.

    Raises:
        InputError: of the class `error`; the file is absent, damaged, or not as `spec` says.
    """
    with _explaining(path, error, advice):
        with path.open("rb") as file:
            _check_header(file, spec, path.stat().st_size)
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        return _checked_values(array).reshape(array.shape[: len(spec.shape)])


def read_npz(
    path: Path, specs: Mapping[str, ArraySpec], error: type[InputError], advice: str
) -> dict[str, NDArray[Any]]:
    """Read arrays of a `.npz` file; arguments and errors as in `read_npy`.

    Args:
        path: the file.
        specs: what each array must be, by its name; others are not looked at.
        error: what to raise.
        advice: what to do about a file that cannot be used, for the message.
    """
    arrays: dict[str, NDArray[Any]] = {}
    lengths: dict[str, int] = {}
    with _explaining(path, error, advice), zipfile.ZipFile(path) as archive:
        for name, spec in specs.items():
            with _naming(name):
                array = _read_member(archive, f"{name}.npy", spec.with_lengths(lengths))
            sides = zip(spec.shape, array.shape, strict=True)
            lengths |= {side: length for side, length in sides if isinstance(side, str)}
            arrays[name] = array
    return arrays


def names_in_npz(path: Path, error: type[InputError], advice: str) -> frozenset[str]:
    """Names of the arrays of a `.npz` file; arguments and errors as in `read_npy`."""
    with _explaining(path, error, advice), zipfile.ZipFile(path) as archive:
        return frozenset(name.removesuffix(".npy") for name in archive.namelist())


def _read_member(archive: zipfile.ZipFile, member: str, spec: ArraySpec) -> NDArray[Any]:
    try:
        size = archive.getinfo(member).file_size
    except KeyError as error:
        raise _UnusableError("is missing") from error
    with archive.open(member) as file:
        _check_header(file, spec, size)
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return _checked_values(array)


@contextmanager
def _explaining(path: Path, error: type[InputError], advice: str) -> Iterator[None]:
    try:
        if path.exists() and not path.is_file():
            raise _UnusableError("is no file")
        yield
    except _UnusableError as reason:
        raise error(f"{path}: {reason}; {advice}") from reason
    except _DAMAGE as reason:
        words = getattr(reason, "strerror", None)
        if words is not None:
            raise error(f"cannot read {path}: {words}; {advice}") from reason
        raise error(
            f"{path} is damaged: it is cut short, or no file of NumPy's; {advice}"
        ) from reason


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which array of a file is meant."""
    try:
        yield
    except _UnusableError as reason:
        raise _UnusableError(f"{name} {reason}") from reason


def _check_header(file: IO[bytes], spec: ArraySpec, size: int) -> None:
    """Refuse an array by what its header says; `size` is that of the file, header included."""
    read_header = _HEADERS.get(np.lib.format.read_magic(file))
    if read_header is None:
        raise _UnusableError("has a header of an unknown version")
    shape, _, dtype = read_header(file)
    if dtype.kind not in spec.kind.value or dtype.itemsize > 8 or not spec.takes(shape):
        raise _UnusableError(f"holds {dtype} of shape {shape}, expected {spec}")
    needed = math.prod(shape) * dtype.itemsize
    if needed > MOST_BYTES:
        raise _UnusableError(
            f"holds {needed / 1e9:.1f} GB, at most {MOST_BYTES / 1e9:.1f} are read"
        )
    if needed > size - file.tell():
        raise _UnusableError("is cut short: its header promises more values than it has")


def _checked_values(array: NDArray[Any]) -> NDArray[Any]:
    """The array in the machine's byte order, if its values can be used."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind != "f":
        return array
    largest = float(np.max(np.abs(array), where=np.isfinite(array), initial=0))
    if largest > LARGEST:
        raise _UnusableError(f"has values up to {largest:.2g}, expected at most {LARGEST:g}")
    return array
