"""What a pickle holds, without making any of its objects and without calling anything it names.

A pickle is a program that may call whatever it names. Here every name stands for the same plain
record, which remembers what it was given: nothing of another module is looked up, let alone called.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from page4d_cli.core.arrays import LARGEST
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.paths import require_file
from page4d_cli.core.types import Float64Array

_DAMAGE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading damaged bytes raises."""


class Record:
    """Stands for an object of any class, or for what a function would have returned."""

    def __new__(cls, *_arguments: object) -> "Record":
        """Take what a class or a function is given in a pickle."""
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        """Keep what the object's attributes would be made of."""
        self.state = state

    def field(self, name: str) -> Any:  # noqa: ANN401 - a pickle may hold anything
        """An attribute of the object.

        Raises:
            ValueError: it has none of this name.
        """
        return entry(self.state, name)

    def array(self, shape: tuple[int, ...]) -> Float64Array:
        """The NumPy array of doubles that the object would be.

        Raises:
            ValueError: it would be none, or of another shape or type, or of unusable values.
        """
        match self.state:
            case (
                int(),
                tuple() as found,
                Record(arguments=("f8", *_), state=(_, "<", *_)),
                bool() as by_column,
                bytes(data),
            ):
                pass
            case _:
                raise ValueError("it is no array of doubles")
        if found != shape or len(data) != 8 * int(np.prod(shape)):
            raise ValueError(f"it is an array of shape {found}, expected {shape}")
        values = np.frombuffer(data, "<f8").reshape(shape, order="F" if by_column else "C")
        if not (np.abs(values) <= LARGEST).all():
            raise ValueError("its values are not finite")
        return values.astype(np.float64)


def entry(mapping: object, name: str) -> Any:  # noqa: ANN401 - a pickle may hold anything
    """A value of a dictionary.

    Raises:
        ValueError: it is none, or has no such key.
    """
    if not isinstance(mapping, dict) or name not in mapping:
        raise ValueError(f"{name!r} is missing")
    return mapping[name]


class _Reader(pickle.Unpickler):
    def find_class(self, _module: str, _name: str) -> Any:  # noqa: ANN401 - as it is declared
        return Record


def read_plain_pickle(path: Path, advice: str) -> Any:  # noqa: ANN401 - it may hold anything
    """Read a pickle as plain values and records.

    Raises:
        DatasetError: it is absent or damaged.
    """
    try:
        with require_file(path).open("rb") as file:
            return _Reader(file).load()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; {advice}") from error
    except _DAMAGE as error:
        raise DatasetError(f"{path} is damaged, or no pickle; {advice}") from error
