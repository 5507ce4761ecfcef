"""Scenes of ScanNet (Dai et al., CVPR 2017) with their camera poses; depth is not read.

Prepared as published with MonST3R: `color_90/` and `pose_90.txt` with 16 numbers a row, the 4×4
T_world_camera. Raw as ScanNet's own reader writes it: `color/<n>.jpg` and `pose/<n>.txt` with a 4×4
T_world_camera; of these the frames [:270:3] are taken, as in the prepared form.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.entry import ASK_OWNERS, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import (
    UNTIMED,
    count_as_seconds,
    frames_in,
    partners_in,
    read_numbers,
)
from page4d_cli.data.sets.recorded import RecordedSequence

_TAKEN = slice(0, 270, 3)
_LAST_ROW = (0.0, 0.0, 0.0, 1.0)


def read_scannet_prepared(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a prepared scene; pictures are read when they are asked for.

    Args:
        folder: the scene's.
        pictures: its `color_N`, which tells N.

    Raises:
        DatasetError: the poses are absent or malformed, or not as many as the pictures.
    """
    frames = frames_in(pictures, "*.jpg", "*.png")
    path = folder / f"pose_{pictures.name.removeprefix('color_')}.txt"
    poses = read_numbers(path, len(frames), 16).reshape(-1, 4, 4)
    return _sequence(folder, frames, poses, [path] * len(frames))


def read_scannet(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a raw scene; pictures are read when they are asked for.

    Args:
        folder: the scene's.
        pictures: its `color`.

    Raises:
        DatasetError: a pose is absent or malformed.
    """
    frames = frames_in(pictures, "*.jpg", "*.png")[_TAKEN]
    paths = partners_in(folder / "pose", frames, ".txt")
    if paths is None:
        raise DatasetError(f"{folder / 'pose'} does not exist; it holds the poses of {pictures}")
    poses = np.stack([read_numbers(path, 4, 4) for path in paths])
    return _sequence(folder, frames, poses, list(paths))


def _sequence(
    folder: Path, frames: tuple[Path, ...], poses: Float64Array, sources: list[Path]
) -> RecordedSequence:
    """Leave out frames whose pose was lost, which ScanNet writes as infinite."""
    known = np.isfinite(poses).all((1, 2))
    kept = np.flatnonzero(known).tolist()
    if not kept:
        raise DatasetError(f"{folder}: no frame of {len(frames)} has a finite pose")
    for index in kept:
        if not np.allclose(poses[index, 3], _LAST_ROW, atol=1e-6):
            raise DatasetError(
                f"{sources[index]}: the last row of pose {index} is {poses[index, 3].tolist()}; "
                "expected 0 0 0 1"
            )
    lost = len(frames) - len(kept)
    return RecordedSequence(
        name=folder.absolute().name,
        frames=tuple(frames[index] for index in kept),
        timestamps_s=count_as_seconds(len(kept)),
        T_camera_world=np.asarray(invert_rigid(poses[known, :3]), np.float64),
        notes=(
            UNTIMED,
            *([f"{lost} of {len(frames)} pictures left out: their pose was lost"] if lost else []),
        ),
    )


ENTRY = DatasetEntry(
    "ScanNet",
    Origin("http://www.scan-net.org", "scenes, read by its own tool", ASK_OWNERS, ASK_OWNERS),
    (
        DatasetLayout(
            "prepared",
            "<scene>/{color_90/*.jpg,pose_90.txt}",
            ("color_90", "color_[0-9]*"),
            read_scannet_prepared,
            has_variants=True,
        ),
        DatasetLayout(
            "raw",
            "<scene>/{color/0.jpg,pose/0.txt}",
            ("color",),
            read_scannet,
        ),
    ),
    None,
)
