"""Cameras of Dynamic Replica: one gzipped JSON list for all sequences of a split.

An entry has the path of its picture, whose name no other has, `image.size` as (height, width), and
a `viewpoint` in PyTorch3D's conventions: rows X_camera = X_world R + T, x to the left and y up,
focal length and principal point in normalised coordinates.

The list of the training split says a few hundred megabytes about some 290 000 pictures. It is read
piece by piece and kept as cameras, once a process.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import MistypedError, decode
from page4d_cli.core.types import Float64Array

_ANNOTATIONS = "frame_annotations_*.jgz"
_ADVICE = "download it again"
_PIECE = 1 << 20
"""Characters; no entry has as many."""
_BEGIN, _BETWEEN = re.compile(r"\s*\["), re.compile(r"[\s,]*")
_FLIP = np.array([-1.0, -1.0, 1.0])
"""From PyTorch3D's axes to OpenCV's."""
_Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """Of one frame."""

    intrinsics: Float64Array
    """(3, 3) in pixels."""
    T_camera_world: Float64Array
    """(3, 4)."""


@dataclass(frozen=True)
class _Picture:
    path: str
    size: tuple[int, int]
    """(height, width)."""


@dataclass(frozen=True)
class _Viewpoint:
    R: tuple[_Vector, _Vector, _Vector]
    T: _Vector
    focal_length: tuple[float, float]
    principal_point: tuple[float, float]
    intrinsics_format: Literal["ndc_norm_image_bounds", "ndc_isotropic"]


@dataclass(frozen=True)
class _FrameAnnotation:
    """What is taken of an entry."""

    image: _Picture
    viewpoint: _Viewpoint

    def camera(self) -> Camera:
        """In the conventions of `core/geometry.py`."""
        size = np.array(self.image.size[::-1], np.float64)
        view = self.viewpoint
        isotropic = view.intrinsics_format == "ndc_isotropic"
        scale = np.full(2, size.min() / 2) if isotropic else size / 2
        focal = np.array(view.focal_length) * scale
        centre = size / 2 - np.array(view.principal_point) * scale
        k = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])
        rotation = (np.array(view.R) * _FLIP).T
        return Camera(k, np.column_stack([rotation, np.array(view.T) * _FLIP]))


def cameras_of(folder: Path, names: Sequence[str]) -> list[Camera]:
    """Cameras of the pictures of a sequence.

    Args:
        folder: the sequence's; annotations lie beside it.
        names: of the files of its pictures.

    Raises:
        DatasetError: there are no annotations, they are damaged, or they lack a picture.
    """
    above = folder.absolute().parent
    files = sorted(above.glob(_ANNOTATIONS))
    if not files:
        raise DatasetError(f"{above} holds no {_ANNOTATIONS}; it has the cameras of {folder}")
    known: dict[str, Camera] = {}
    for path in files:
        known |= _read(path, path.stat().st_mtime_ns).get(folder.absolute().name, {})
    missing = [name for name in names if name not in known]
    if missing:
        where = ", ".join(str(path) for path in files)
        raise DatasetError(
            f"{where}: no camera of {missing[0]} ({len(missing)} of {len(names)} pictures of "
            f"{folder} have none); {_ADVICE}"
        )
    return [known[name] for name in names]


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int) -> dict[str, dict[str, Camera]]:
    """Cameras by the folder and the file of their pictures."""
    cameras: dict[str, dict[str, Camera]] = {}
    for number, entry in enumerate(_entries(path)):
        try:
            frame = decode(_FrameAnnotation, entry, foreign=True)
        except MistypedError as error:
            raise DatasetError(f"{path}, entry {number}: {error}; {_ADVICE}") from error
        picture = PurePosixPath(frame.image.path)
        sequence = picture.parts[0] if picture.parts else ""
        cameras.setdefault(sequence, {})[picture.name] = frame.camera()
    return cameras


def _entries(path: Path) -> Iterator[Any]:
    """Entries of the list, one after another: the whole of it would take gigabytes."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from _items(file)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut short"
        raise DatasetError(f"cannot read {path}: {reason}; {_ADVICE}") from error


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
            if not piece or len(text) - at > _PIECE:
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
