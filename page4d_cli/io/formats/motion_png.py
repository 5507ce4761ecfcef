"""Motion scores as 8-bit grey PNG: value / 255, from 0 (still) to 1 (moving)."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from page4d_cli.core.errors import RunError
from page4d_cli.core.types import Float32Array
from page4d_cli.io.whole.writing import writing

_MAX_VALUE = 255


def write_motion_png(path: Path, score: Float32Array) -> None:
    """Write a map of scores.

    Args:
        path: the file, replaced if it is there.
        score: (H, W) in [0, 1].

    Raises:
        WriteError: the file cannot be written.
    """
    picture = Image.fromarray(np.rint(score * _MAX_VALUE).astype(np.uint8))
    with writing(path):
        picture.save(path, format="PNG")


def read_motion_png(path: Path) -> Float32Array:
    """Read a map of scores; within 1/510 of what `write_motion_png` was given.

    Args:
        path: an 8-bit grey PNG.

    Returns:
        (H, W) in [0, 1].

    Raises:
        RunError: the file is absent, damaged, or not an 8-bit grey PNG.
    """
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            values = np.asarray(picture)
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise RunError(f"cannot read {path}: {reason}; run `page4d motion` again") from error
    if mode != "L":
        raise RunError(f"{path} is a picture of mode {mode}; expected an 8-bit grey PNG")
    return np.asarray(values / np.float32(_MAX_VALUE), np.float32)
