"""Annotations of frames as PyTorch3D's data sets have them: a gzipped JSON list for many sequences.

An entry has the path of its picture, `image.size` as (height, width), and a `viewpoint` in
PyTorch3D's conventions: rows X_camera = X_world R + T, x to the left and y up, focal length and
principal point in normalised coordinates.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import MistypedError, decode
from page4d_cli.core.types import Float64Array

_ADVICE = "download it again"
_PIECE = 1 << 16
_MOST = 1 << 20
"""Characters; no entry has as many."""
_BEGIN, _BETWEEN = re.compile(r"\s*\["), re.compile(r"[\s,]*")
_FLIP = np.array([-1.0, -1.0, 1.0])
"""From PyTorch3D's axes to OpenCV's."""
_Vector = tuple[float, float, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """An entry's `image`."""

    path: str
    size: tuple[int, int]
    """(height, width)."""


@dataclass(frozen=True)
class Viewpoint:
    """An entry's camera."""

    R: tuple[_Vector, _Vector, _Vector]
    T: _Vector
    focal_length: tuple[float, float]
    principal_point: tuple[float, float]
    intrinsics_format: Literal["ndc_norm_image_bounds", "ndc_isotropic"] = "ndc_norm_image_bounds"

    def intrinsics(self, size: tuple[int, int]) -> Float64Array:
        """K (3, 3) of a picture of `size` (height, width)."""
        width_height = np.array(size[::-1], np.float64)
        isotropic = self.intrinsics_format == "ndc_isotropic"
        scale = np.full(2, width_height.min() / 2) if isotropic else width_height / 2
        focal = np.array(self.focal_length) * scale
        # ±1 are the outer borders of the picture (PyTorch3D, "Cameras": the view volume's corners),
        # so that 0 is its middle, at W / 2 from the border and, where whole numbers are the centres
        # of pixels as everywhere here, at W / 2 - ½. That is PyTorch3D's definition, not a habit of
        # CO3D's: it holds for every set annotated in it, Dynamic Replica, too, whose renderer looks
        # along the picture's middle.
        centre = width_height / 2 - np.array(self.principal_point) * scale - 0.5
        return np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])

    @property
    def T_camera_world(self) -> Float64Array:
        """(3, 4)."""
        rotation = (np.array(self.R) * _FLIP).T
        return np.column_stack([rotation, np.array(self.T) * _FLIP])


def read_annotations(kind: type[T], path: Path) -> Iterator[T]:
    """Entries of the list, one after another: the whole of it would take gigabytes.

    Args:
        kind: a dataclass of what is taken of an entry.
        path: the file.

    Raises:
        DatasetError: the file is absent, damaged or cut short, or an entry is of another form.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, item in enumerate(_items(file)):
                try:
                    yield decode(kind, item, defaults=True, foreign=True)
                except MistypedError as error:
                    message = f"{path}, entry {number}: {error}; {_ADVICE}"
                    raise DatasetError(message) from error
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut short"
        raise DatasetError(
            f"cannot read {path}: {reason}; expected a gzipped list of frames; {_ADVICE}"
        ) from error


def _items(file: IO[str]) -> Iterator[Any]:
    """Items of a JSON list. Raises ValueError if it is none."""
    decoder = json.JSONDecoder()
    text, at = file.read(_PIECE), 0
    at = _expect(_BEGIN, text, at)
    while not text.startswith("]", at := _expect(_BETWEEN, text, at)):
        try:
            item, at = decoder.raw_decode(text, at)
        except ValueError:
            piece = file.read(_PIECE)
            if not piece or len(text) - at > _MOST:
                raise
            text, at = text[at:] + piece, 0
        else:
            yield item


def _expect(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match that begins at a place ends."""
    found = pattern.match(text, at)
    if found is None:
        raise ValueError("no list")
    return found.end()
