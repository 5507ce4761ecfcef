"""DyCheck's iPhone sequences.

Gao et al., Monocular Dynamic View Synthesis: A Reality Check, NeurIPS 2022; the form is that of the
repository of its authors.

Files are called `<camera>_<time>`; camera 0 is the one that was moved by hand. A camera's JSON has
`focal_length`, `principal_point`, `position` (its centre) and `orientation` (rotation of
T_camera_world), in pixels of `1x` and in the unit of the world. Skew and distortion are ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import read_json
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.sets.entry import ASK_OWNERS, SENSOR, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    frames_in,
    partners_in,
    read_npy_depth,
)
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd.recording import matrix_from_pinhole

_Vector = tuple[float, float, float]
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


@dataclass(frozen=True)
class _Camera:
    """What is taken of a camera's JSON."""

    focal_length: float
    principal_point: tuple[float, float]
    orientation: tuple[_Vector, _Vector, _Vector]
    position: _Vector


def read_camera(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read a camera's JSON.

    Returns:
        K (3, 3) in pixels, and T_camera_world (3, 4).

    Raises:
        DatasetError: the file is absent, no JSON, or lacks something.
    """
    camera = read_json(_Camera, path, DatasetError, "unpack the data set again", foreign=True)
    rotation = np.array(camera.orientation)
    k = matrix_from_pinhole((camera.focal_length, camera.focal_length, *camera.principal_point))
    return k, np.column_stack([rotation, -rotation @ np.array(camera.position)])


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


# fmt: off
_SCORED = (
    "apple", "backpack", "block", "handwavy", "haru-sit", "mochi-high-five", "paper-windmill",
    "pillow", "space-out", "spin", "sriracha-tree", "teddy", "wheel",
)
# fmt: on
ENTRY = DatasetEntry(
    "DyCheck iPhone",
    Origin(
        "https://github.com/KAIR-BAIR/dycheck",
        "the iPhone sequences",
        ASK_OWNERS,
        ASK_OWNERS,
    ),
    (
        DatasetLayout(
            "iphone",
            "<sequence>/{rgb/1x/0_00000.png,depth/1x/0_00000.npy,camera/0_00000.json}",
            ("rgb/1x",),
            read_dycheck,
        ),
    ),
    SENSOR,
    Benchmark(
        pose_sequences=_SCORED,
        depth_sequences=_SCORED,
        video_limits=DepthLimits(70),
        original_pose_stride=10,
    ),
)
