"""PNG: pictures; depth in 16 bits of grey, as RGB-D data sets have it; motion in 8."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array
from page4d_cli.io.whole.writing import writing

MAX_DEPTH_VALUE = 65535
_MAX_MOTION = 255


def write_png(path: Path, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write a picture as it is.

    Args:
        path: the file, replaced if it is there.
        picture: (H, W, 3) RGB, or (H, W) grey of 8 or 16 bits.

    Raises:
        WriteError: the file cannot be written.
    """
    with writing(path):
        Image.fromarray(np.ascontiguousarray(picture)).save(path, format="PNG")


def scale_for(max_depth: float) -> float:
    """The scale that puts the deepest value at 65535, the largest that 16 bits hold.

    Args:
        max_depth: deepest value of the clip.

    Returns:
        PNG values per unit of depth.

    Raises:
        ValueError: `max_depth` is not a positive finite number.
    """
    if not 0 < max_depth < np.inf:
        raise ValueError(f"max_depth is {max_depth}, expected a positive finite number")
    return MAX_DEPTH_VALUE / float(max_depth)


def write_depth_png(path: Path, depth: FloatArray, scale: float) -> None:
    """Write round(depth · scale) in 16 bits; 0 stands for no depth.

    Args:
        path: the file, replaced if it is there.
        depth: (H, W). Values that are not finite, not positive, or beyond 65535 / scale become 0.
        scale: PNG values per unit of depth.

    Raises:
        WriteError: the file cannot be written.
    """
    values = np.rint(depth.astype(np.float64) * scale)
    valid = (values > 0) & (values <= MAX_DEPTH_VALUE)  # false for NaN, too
    write_png(path, np.where(valid, values, 0).astype(np.uint16))


def read_depth_png(path: Path, scale: float) -> Float32Array:
    """Read a depth map; within 0.5 / scale of what `write_depth_png` was given.

    Args:
        path: a 16-bit grey PNG.
        scale: PNG values per unit of depth, from the manifest.

    Returns:
        (H, W), 0 where there is no depth.

    Raises:
        RunError: the file is absent, damaged, or not a 16-bit grey PNG.
    """
    values = _read(path, ("I;16", "I;16B"), "a 16-bit grey PNG")
    return (values / scale).astype(np.float32)


def write_motion_png(path: Path, score: Float32Array) -> None:
    """Write round(255 · score) in 8 bits.

    Args:
        path: the file, replaced if it is there.
        score: (H, W) from 0 (still) to 1 (moving).

    Raises:
        WriteError: the file cannot be written.
    """
    write_png(path, np.rint(score * _MAX_MOTION).astype(np.uint8))


def read_motion_png(path: Path) -> Float32Array:
    """Read a map of scores; within 1/510 of what `write_motion_png` was given.

    Args:
        path: an 8-bit grey PNG.

    Returns:
        (H, W) in [0, 1].

    Raises:
        RunError: the file is absent, damaged, or not an 8-bit grey PNG.
    """
    values = _read(path, ("L",), "an 8-bit grey PNG of `page4d motion`")
    return np.asarray(values / np.float32(_MAX_MOTION), np.float32)


def _read(path: Path, modes: tuple[str, ...], expected: str) -> NDArray[Any]:
    """Values (H, W) of a picture of one of Pillow's modes."""
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            values = np.asarray(picture)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise RunError(f"cannot read {path}: {reason}; expected {expected}") from error
    if mode not in modes:
        raise RunError(f"{path} is a picture of mode {mode}; expected {expected}")
    return values
