"""DyCheck's iPhone sequences.

Gao et al., Monocular Dynamic View Synthesis: A Reality Check, NeurIPS 2022; the form is that of the
repository of its authors.

Files are called `<camera>_<time>`; camera 0 is the one that was moved by hand. A camera's JSON has
`focal_length`, `principal_point`, `position` (its centre) and `orientation` (rotation of
T_camera_world), in pixels of `1x` and in the unit of the world. Skew and distortion are ignored.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    frames_in,
    partners_in,
    read_npy_depth,
)
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd import matrix_from_pinhole

_MILLIMETRES_FROM = 50.0
"""Of the median. An iPhone measures up to 5 m: metres stay far below, millimetres far above."""


def read_dycheck(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a sequence; pictures and maps are read when they are asked for.

    Its documents call depth millimetres, published code takes it for metres: the magnitude of the
    first map that is not empty decides, and a note says how.

    Args:
        folder: the sequence's.
        pictures: its `rgb/1x`.

    Raises:
        DatasetError: a camera is absent or malformed, or a depth map is absent.
    """
    frames = frames_in(pictures, "0_*.png")
    depth_folder, camera_folder = folder / "depth" / pictures.name, folder / "camera"
    depths = partners_in(depth_folder, frames, ".npy")
    cameras = partners_in(camera_folder, frames, ".json")
    read = None if cameras is None else [read_camera(path) for path in cameras]
    reader, note = (
        (None, absent("depth", depth_folder)) if depths is None else _depth_in_metres(depths)
    )
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=None if read is None else np.stack([k for k, _ in read]),
        T_camera_world=None if read is None else np.stack([pose for _, pose in read]),
        read_depth=reader,
        depth_files=depths,
        notes=(
            UNTIMED,
            note,
            *([absent("cameras", camera_folder)] if cameras is None else []),
        ),
    )


def read_camera(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read a camera's JSON.

    Returns:
        K (3, 3) in pixels, and T_camera_world (3, 4).

    Raises:
        DatasetError: the file is absent, no JSON, or lacks something.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise DatasetError(f"cannot read {path}: {reason}; expected a camera") from error
    focal = _array(path, given, "focal_length", ())
    centre_px = _array(path, given, "principal_point", (2,))
    rotation = _array(path, given, "orientation", (3, 3))
    position = _array(path, given, "position", (3,))
    k = matrix_from_pinhole((float(focal), float(focal), *centre_px.tolist()))
    return k, np.column_stack([rotation, -rotation @ position])


def _array(path: Path, given: Any, name: str, shape: tuple[int, ...]) -> Float64Array:  # noqa: ANN401
    value = given.get(name) if isinstance(given, dict) else None
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.shape != shape or not np.isfinite(array).all():
        expected = "×".join(map(str, shape)) or "a number"
        raise DatasetError(f"{path}: {name} is {value!r}; expected {expected}, finite")
    return array


def _depth_in_metres(paths: tuple[Path, ...]) -> tuple[Callable[[int], Float32Array], str]:
    """What reads the map of a frame, and a note on its unit."""
    median, unit_m, unit = 0.0, 1.0, "metres"
    for path in paths:
        depth = read_npy_depth(path)
        known = depth[np.isfinite(depth) & (depth > 0)]
        if known.size:
            median = float(np.median(known))
            break
    if median >= _MILLIMETRES_FROM:
        unit_m, unit = 1e-3, "millimetres"

    def read(index: int) -> Float32Array:
        return (read_npy_depth(paths[index]) * unit_m).astype(np.float32)

    return read, f"depth is taken for {unit}: the median of the first map is {median:g}"
