"""A whole run in one `.npz` file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.strict_json import to_line
from page4d_cli.io.whole.writing import writing

CONVENTIONS = {
    "cameras": "OpenCV: x right, y down, z forward",
    "extrinsics": "(S, 3, 4) T_camera_world, x_camera = R x_world + t",
    "intrinsics": "(S, 3, 3) in pixels of the maps",
    "intrinsics_source": "(S, 3, 3) in pixels of the source pictures",
    "pixel_centre": "whole numbers are pixel centres",
    "depth": "(S, H, W) planar z; 0, negative or not finite: none",
    "confidence": "(S, H, W) of the depth; only its order has a meaning",
    "source_size": "(S, 2) width, height",
    "world": "the camera of the run's first frame",
}


def write_bundle(path: Path, arrays: Mapping[str, NDArray[Any]], unit: LengthUnit) -> None:
    """Write arrays, and `conventions`, JSON that says what they are.

    Args:
        path: the file, replaced if it is there; it must end in .npz.
        arrays: by the names in `CONVENTIONS`, and stems, sources, timestamps_s.
        unit: of depth and positions.

    Raises:
        WriteError: the file cannot be written.
    """
    with writing(path):
        units = f"{unit.in_words()}; timestamps_s in seconds"
        said = np.array(to_line({**CONVENTIONS, "units": units}))
        np.savez(path, conventions=said, allow_pickle=False, **arrays)
