"""PNGs that hold numbers instead of colours.

16 bits are depth, in whole numbers of a unit or by the bits of half floats; 8 bits are flags or
numbers of things, whatever colours a palette gives them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array


def read_depth16(path: Path, scale: float) -> Float32Array:
    """Read depth in whole numbers.

    Args:
        path: the file.
        scale: values a metre.

    Returns:
        (H, W) metres, 0 = none.

    Raises:
        DatasetError: the file is absent, damaged or of another form.
    """
    return (_read16(path) / scale).astype(np.float32)


def read_half16(path: Path) -> Float32Array:
    """Read values whose 16 bits are those of IEEE 754 binary16, as PyTorch3D's data sets have them.

    Returns:
        (H, W); what is not finite is let through.

    Raises:
        DatasetError: the file is absent, damaged or of another form.
    """
    return _read16(path).astype(np.uint16).view(np.float16).astype(np.float32)


def read_numbers8(path: Path) -> NDArray[Any]:
    """Read 8-bit numbers, or flags.

    Returns:
        (H, W), or (H, W, C) where each pixel has several.

    Raises:
        DatasetError: the file is absent, damaged or of another form.
    """
    mode, values = _read(path, "an 8-bit PNG")
    if mode not in {"1", "L", "P", "RGB", "RGBA"}:
        raise DatasetError(f"{path} is a picture of mode {mode}; expected an 8-bit PNG")
    return values


def _read16(path: Path) -> NDArray[Any]:
    expected = "a 16-bit grey PNG"
    mode, values = _read(path, expected)
    # Pillow before 11.3 opens some 16-bit PNGs as 32-bit whole numbers.
    if not (mode.startswith("I;16") or mode == "I"):
        raise DatasetError(f"{path} is a picture of mode {mode}; expected {expected}")
    return values


def _read(path: Path, expected: str) -> tuple[str, NDArray[Any]]:
    """Mode and values."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.mode, np.asarray(picture)
    except Image.DecompressionBombError as error:
        reason = str(error).rstrip(".")
        raise DatasetError(f"cannot read {path}: {reason}; expected {expected}") from error
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no PNG"
        raise DatasetError(f"cannot read {path}: {reason}; expected {expected}") from error
