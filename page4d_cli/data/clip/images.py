"""Decode one image file to upright 8-bit RGB."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from page4d_cli.core.errors import FramesError
from page4d_cli.core.paths import require_file
from page4d_cli.core.types import UInt8Array

# What cameras, renderers and data sets write. GIF is left to the video reader: most of them move.
# fmt: off
_PHOTO_EXTENSIONS = frozenset({
    ".avif", ".bmp", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl",
    ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff", ".webp",
})
# fmt: on
# What Pillow's decoders raise on damaged files.
_DECODE_ERRORS = (
    OSError,
    EOFError,
    IndexError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
)


# Blocks of this size go back to the system when a picture is dropped; of smaller ones, which are
# Pillow's default, each thread's heap keeps as much as its largest picture took.
Image.core.set_block_size(64 << 20)  # type: ignore[attr-defined] # documented, not typed


_PACKAGES = {
    ".avif": ("a newer Pillow, pip install -U pillow", None),
    ".heic": ("the package pillow-heif, pip install '.[heif]' in page4d's folder", "pillow_heif"),
    ".heif": ("the package pillow-heif, pip install '.[heif]' in page4d's folder", "pillow_heif"),
    ".jxl": ("the package pillow-jxl-plugin, pip install pillow-jxl-plugin", "pillow_jxl"),
}
"""What reads a format that Pillow itself may not, and the module that teaches it."""


def needed_for(path: Path) -> str | None:
    """What would have to be installed to read a photo of this name; None: nothing."""
    extension = path.suffix.lower()
    if extension in image_extensions() or extension not in _PACKAGES:
        return None
    return f"{path.name} needs {_PACKAGES[extension][0]}"


@cache
def _teach_pillow() -> None:
    """Register the readers of other packages, where they are installed."""
    for module in {module for _, module in _PACKAGES.values() if module is not None}:
        with suppress(ImportError):
            plugin = import_module(module)  # pillow_jxl registers itself
            if hasattr(plugin, "register_heif_opener"):
                plugin.register_heif_opener()


@cache
def image_extensions() -> tuple[str, ...]:
    """Lower-case extensions of the photo formats that this Pillow decodes, sorted."""
    _teach_pillow()
    return tuple(sorted(_PHOTO_EXTENSIONS & Image.registered_extensions().keys()))


@cache
def _formats() -> tuple[str, ...]:
    """Pillow's names of these formats; nothing else is tried, whatever a file contains."""
    registered = Image.registered_extensions()
    formats = {registered[extension] for extension in image_extensions()}
    return tuple(sorted(formats & Image.OPEN.keys()))  # MPO is opened as a JPEG


def is_image(path: Path) -> bool:
    """Whether the content of a file begins like a photo, whatever its name."""
    try:
        with Image.open(require_file(path), formats=_formats()):
            return True
    except _DECODE_ERRORS:
        return False


def read_image(path: Path) -> UInt8Array:
    """Decode an image as `read_picture` does.

    Returns:
        (h, w, 3) RGB.
    """
    return np.asarray(read_picture(path))


def is_grey16(path: Path) -> bool:
    """Whether an image has one channel of 16 bits, by its header: most of these are depth."""
    try:
        with Image.open(require_file(path), formats=_formats()) as picture:
            return _is_grey16(picture)
    except _DECODE_ERRORS:
        return False


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image as it is stored, by its header.

    Raises:
        FramesError: the file is missing or no image.
    """
    try:
        with Image.open(require_file(path), formats=_formats()) as picture:
            return picture.width, picture.height
    except _DECODE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no image"
        raise FramesError(f"{path} cannot be used: {reason}") from error


def read_picture(path: Path) -> Image.Image:
    """Decode an image, turn it upright (EXIF), lay transparency on white and scale to 8 bit.

    Args:
        path: A file with one picture: grey, palette, RGB or CMYK, 1 to 16 bit.

    Returns:
        The picture, RGB.

    Raises:
        FramesError: The file is missing, empty, damaged, holds several pictures, or numbers for
            which no white is defined (32 bit). The message begins with the path.
    """
    with _explaining(str(path)):
        try:
            if require_file(path).stat().st_size == 0:
                raise FramesError(f"{path} is empty (0 bytes)")
            return _open(path)
        except FileNotFoundError as error:
            what = "is a broken symbolic link" if path.is_symlink() else "does not exist"
            raise FramesError(f"{path} {what}") from error


def decode_image(data: bytes, where: str) -> UInt8Array:
    """Decode an image that lies within a file of another kind, as `read_picture` does.

    Args:
        data: the image's own bytes.
        where: they lie, for messages.

    Returns:
        (h, w, 3) RGB.

    Raises:
        FramesError: they are no image, damaged, or of a kind that `read_picture` refuses.
    """
    with _explaining(where):
        return np.asarray(_open(BytesIO(data)))


def _open(source: Path | BytesIO) -> Image.Image:
    with Image.open(source, formats=_formats()) as picture:
        return _decode(picture)


@contextmanager
def _explaining(where: str) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        raise FramesError(f"{where} is no image, or its beginning is damaged") from error
    except _DECODE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FramesError(f"{where} cannot be used: {reason}") from error


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Wait until the pictures that other threads hold leave room to decode one more.

    A small file may hold a large picture, so what is bounded are pixels, not readers.
    """
    try:
        with Image.open(require_file(path), formats=_formats()) as picture:
            pixels = picture.width * picture.height
    except _DECODE_ERRORS:
        pixels = 0  # `read_picture` will say what is wrong
    with _ROOM.take(pixels):
        yield


class _Room:
    """A number of pixels that threads share; who wants more than there are at all gets them all."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._given_back = Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        pixels = min(pixels, self._all)
        with self._given_back:
            self._given_back.wait_for(lambda: pixels <= self._free)
            self._free -= pixels
        try:
            yield
        finally:
            with self._given_back:
                self._free += pixels
                self._given_back.notify_all()


_ROOM = _Room(100_000_000)
"""Decoded pixels take four bytes each: eight pictures of a phone, or one scan."""


def _decode(picture: Image.Image) -> Image.Image:
    count = getattr(picture, "n_frames", 1)
    if count > 1 and picture.format != "MPO":  # the further pictures of MPO are other views or maps
        raise ValueError(f"it holds {count} pictures; save them as one file each, or as a video")
    if _is_panorama(picture):
        raise ValueError(
            "it is a 360° panorama, and the network knows pinhole cameras only; cut views of less "
            "than 120° out of it first"
        )
    ImageOps.exif_transpose(picture, in_place=True)
    if _is_grey16(picture):
        return Image.fromarray(_rgb_from_grey16(np.asarray(picture)))
    if picture.mode in {"I", "F"}:
        raise ValueError("its 32-bit pixels have no defined white; save it with 8 or 16 bit")
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    picture.load()
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _is_grey16(picture: Image.Image) -> bool:
    return picture.mode.startswith("I;16") or (
        picture.mode == "I" and picture.format in {"PNG", "PPM"}
    )


def _is_panorama(picture: Image.Image) -> bool:
    """Twice as wide as high, and said to be so by Google's Photo Sphere XMP metadata."""
    if picture.width != 2 * picture.height:
        return False
    said = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    return b"GPano" in (said.encode() if isinstance(said, str) else said)


def _rgb_from_grey16(grey: NDArray[np.integer[Any]]) -> UInt8Array:
    """Scale 0…65535 to 0…255, rounded; Pillow's own conversion clips at 255 instead."""
    grey8 = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey8[..., None], 3, axis=-1)
