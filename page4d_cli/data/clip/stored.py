"""Fitted pictures in a file: a clip is read once, however long it is, and never held as a whole."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import DTypeLike

from page4d_cli.core.types import PixelTransform, UInt8Array
from page4d_cli.data.clip.preprocess import on_common_size, padded


class Scratch(Protocol):
    """A file to write and to read again, as `io.BytesIO` is one in memory."""

    def write(self, data: bytes, /) -> object:
        """Write at the end, or where `seek` went."""

    def seek(self, offset: int, /) -> object:
        """Go to a byte."""

    def read(self, size: int, /) -> bytes:
        """Read so many bytes from there."""


class _Place(NamedTuple):
    """Where a picture is in the file, and how it is given out."""

    offset: int
    fitted: PixelTransform
    common: PixelTransform


class StoredPictures:
    """S pictures, read from a file when they are asked for, by one thread.

    `np.asarray` reads all of them, a slice none: it is a view.
    """

    def __init__(self, file: Scratch, places: Sequence[_Place]) -> None:
        self._file = file
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(S, H, W, 3)."""
        width, height = self._places[0].common.size
        return len(self), height, width, 3

    @overload
    def __getitem__(self, index: int, /) -> UInt8Array: ...
    @overload
    def __getitem__(self, index: slice, /) -> "StoredPictures": ...
    def __getitem__(self, index: int | slice, /) -> "UInt8Array | StoredPictures":
        if isinstance(index, slice):
            return StoredPictures(self._file, self._places[index])
        return self._read(self._places[index])

    def __iter__(self) -> Iterator[UInt8Array]:
        return map(self._read, self._places)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> UInt8Array:
        pictures = np.empty(self.shape, np.uint8)
        for slot, picture in zip(pictures, self, strict=True):
            slot[...] = picture
        return pictures if dtype is None else pictures.astype(dtype)

    def _read(self, place: _Place) -> UInt8Array:
        width, height = place.fitted.size
        self._file.seek(place.offset)
        picture = np.frombuffer(self._file.read(height * width * 3), np.uint8)
        return padded(picture.reshape(height, width, 3), place.fitted, place.common)


class PictureStore:
    """Takes the pictures of a clip, whose sizes may differ, and gives them out at a common one.

    Args:
        file: empty; nobody else may use it.
    """

    def __init__(self, file: Scratch) -> None:
        self._file = file
        self._offsets = [0]
        self._fitted: list[PixelTransform] = []

    def append(self, picture: UInt8Array, transform: PixelTransform) -> None:
        """Take a picture (H_i, W_i, 3) and its transform, as `fit_image` gave them."""
        self._file.write(picture.tobytes())
        self._offsets.append(self._offsets[-1] + picture.nbytes)
        self._fitted.append(transform)

    def complete(self) -> tuple[StoredPictures, tuple[PixelTransform, ...]]:
        """All of them, at least one, on white of the common size, and their transforms there."""
        common = on_common_size(self._fitted)
        places = zip(self._offsets, self._fitted, common, strict=False)  # the last offset is an end
        return StoredPictures(self._file, [_Place(*place) for place in places]), common
