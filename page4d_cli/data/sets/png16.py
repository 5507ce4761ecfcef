"""16-bit grey PNGs, which hold depth: whole numbers of a unit, or the bits of half floats."""

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
    return (_read(path) / scale).astype(np.float32)


def read_half16(path: Path) -> Float32Array:
    """Read values whose 16 bits are those of IEEE 754 binary16, as PyTorch3D's data sets have them.

    Returns:
        (H, W); what is not finite is let through.

    Raises:
        DatasetError: the file is absent, damaged or of another form.
    """
    return _read(path).astype(np.uint16).view(np.float16).astype(np.float32)


def _read(path: Path) -> NDArray[Any]:
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            mode, values = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or no PNG"
        raise DatasetError(f"cannot read {path}: {reason}; expected a 16-bit grey PNG") from error
    # Pillow before 11.3 opens some 16-bit PNGs as 32-bit whole numbers.
    if not (mode.startswith("I;16") or mode == "I"):
        raise DatasetError(f"{path} is a picture of mode {mode}; expected a 16-bit grey PNG")
    return values
