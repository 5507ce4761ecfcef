"""Decode one image file to upright 8-bit RGB."""

import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from page4d_cli.core.errors import FramesError
from page4d_cli.core.types import UInt8Array

# What cameras, renderers and data sets write. GIF is left to the video reader: most of them move.
# fmt: off
_PHOTO_EXTENSIONS = frozenset({
    ".avif", ".bmp", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff", ".webp",
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


@cache
def image_extensions() -> tuple[str, ...]:
    """Lower-case extensions of the photo formats that this Pillow decodes, sorted."""
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
        with Image.open(path, formats=_formats()):
            return True
    except _DECODE_ERRORS:
        return False


def read_image(path: Path) -> UInt8Array:
    """Decode an image, turn it upright (EXIF), lay transparency on white and scale to 8 bit.

    Args:
        path: A file with one picture: grey, palette, RGB or CMYK, 1 to 16 bit.

    Returns:
        (h, w, 3) RGB.

    Raises:
        FramesError: The file is missing, empty, damaged, holds several pictures, or numbers for
            which no white is defined (32 bit). The message begins with the path.
    """
    try:
        if path.stat().st_size == 0:
            raise FramesError(f"{path} is empty (0 bytes)")
        with Image.open(path, formats=_formats()) as picture:
            return _decode(picture)
    except FileNotFoundError as error:
        what = "is a broken symbolic link" if path.is_symlink() else "does not exist"
        raise FramesError(f"{path} {what}") from error
    except UnidentifiedImageError as error:
        raise FramesError(f"{path} is no image, or its beginning is damaged") from error
    except _DECODE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FramesError(f"{path} cannot be used: {reason}") from error


def _decode(picture: Image.Image) -> UInt8Array:
    count = getattr(picture, "n_frames", 1)
    if count > 1 and picture.format != "MPO":  # the further pictures of MPO are other views or maps
        raise ValueError(f"it holds {count} pictures; save them as one file each, or as a video")
    file_format = picture.format  # exif_transpose returns a picture that has forgotten it
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I;16") or (upright.mode == "I" and file_format in {"PNG", "PPM"}):
        return _rgb_from_grey16(np.asarray(upright))
    if upright.mode in {"I", "F"}:
        raise ValueError("its 32-bit pixels have no defined white; save it with 8 or 16 bit")
    if upright.has_transparency_data:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA"))
    return np.asarray(upright.convert("RGB"))


def _rgb_from_grey16(grey: NDArray[np.integer[Any]]) -> UInt8Array:
    """Scale 0…65535 to 0…255, rounded; Pillow's own conversion clips at 255 instead."""
    grey8 = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(grey8[..., None], 3, axis=-1)
