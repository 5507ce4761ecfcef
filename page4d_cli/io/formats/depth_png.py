"""Depth as 16-bit grey PNG, the form that RGB-D data sets use: depth = value / scale, 0 = none."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array
from page4d_cli.io.whole.writing import writing

_MAX_VALUE = 65535


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
    return _MAX_VALUE / float(max_depth)


def write_depth_png(path: Path, depth: FloatArray, scale: float) -> None:
    """Write round(depth · scale); 0 stands for no depth.

    Args:
        path: the file, replaced if it is there.
        depth: (H, W). Values that are not finite, not positive, or beyond 65535 / scale become 0.
        scale: PNG values per unit of depth.

    Raises:
        WriteError: the file cannot be written.
    """
    values = np.rint(depth.astype(np.float64) * scale)
    valid = (values > 0) & (values <= _MAX_VALUE)  # false for NaN, too
    picture = Image.fromarray(np.where(valid, values, 0).astype(np.uint16))
    with writing(path):
        picture.save(path, format="PNG")


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
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            values = np.asarray(picture)
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no picture"
        raise RunError(f"cannot read {path}: {reason}; expected a 16-bit grey PNG") from error
    if not mode.startswith("I;16"):
        raise RunError(f"{path} is a picture of mode {mode}; expected a 16-bit grey PNG")
    return (values / scale).astype(np.float32)
