"""PointOdyssey (Zheng et al., ICCV 2023; the form is that of the authors' pages).

`rgbs/rgb_00000.jpg`, `depths/depth_00000.png` with 16 bits from 0 to 1000 m, and `anno.npz` with a
row for each number of a frame: `intrinsics` (T, 3, 3) in pixels, `extrinsics` (T, 4, 4)
T_camera_world, `trajs_2d` (T, M, 2), `valids` and `visibs` (T, M), and `trajs_3d` (T, M, 3).

Depth at the end of the scale is sky, of which nothing is known. Nothing is unpickled.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArrayKind, ArraySpec, names_in_npz, read_npz
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array
from page4d_cli.data.sets.entry import (
    CheckLimits,
    DatasetEntry,
    DatasetLayout,
    Origin,
)
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    files_called,
    frames_in,
    numbers_of,
)
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence

FARTHEST_M = 1000.0
"""What the greatest of the 16-bit values stands for."""
DEPTH_SCALE = 65535 / FARTHEST_M
"""PNG values a metre."""
_MOVED_M = 1e-3
_ADVICE = "unpack the data set again"
_CAMERAS = {
    "intrinsics": ArraySpec(ArrayKind.NUMBER, ("T", 3, 3)),
    "extrinsics": ArraySpec(ArrayKind.FLOAT, ("T", 4, 4)),
}
_TRACKS = {
    "trajs_2d": ArraySpec(ArrayKind.FLOAT, ("T", "M", 2)),
    "valids": ArraySpec(ArrayKind.FLAG, ("T", "M")),
    "visibs": ArraySpec(ArrayKind.FLAG, ("T", "M")),
}
_POINTS = {"trajs_3d": ArraySpec(ArrayKind.FLOAT, ("T", "M", 3))}


def read_odyssey(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a sequence; pictures, maps and tracks are read when they are asked for.

    Args:
        folder: the sequence's.
        pictures: its `rgbs`.

    Raises:
        DatasetError: `anno.npz` is absent, damaged or holds pickles, or a depth map is absent.
    """
    frames = frames_in(pictures, "rgb_*.jpg", "rgb_*.png")
    path = folder / "anno.npz"
    cameras = read_npz(path, _CAMERAS, DatasetError, _ADVICE)
    count = len(cameras["extrinsics"])
    rows = numbers_of(frames)
    kept = [index for index, row in enumerate(rows) if row < count]
    if not kept:
        raise DatasetError(f"{path} has {count} cameras; none is of a picture of {pictures}")
    chosen = [rows[index] for index in kept]
    frames = tuple(frames[index] for index in kept)
    names = [f"depth_{frame.stem.removeprefix('rgb_')}.png" for frame in frames]
    depths = files_called(folder / "depths", names)
    left_out = len(rows) - len(kept)
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=cameras["intrinsics"][chosen].astype(np.float64),
        T_camera_world=cameras["extrinsics"][chosen, :3].astype(np.float64),
        read_depth=None if depths is None else lambda index: _read_depth(depths[index]),
        depth_files=depths,
        read_tracks=_Annotation(path, tuple(chosen)).tracks,
        notes=(
            UNTIMED,
            *([absent("depth", folder / "depths")] if depths is None else []),
            *([f"{left_out} of {len(rows)} pictures left out: no camera"] if left_out else []),
        ),
    )


def _read_depth(path: Path) -> Float32Array:
    depth = read_depth16(path, DEPTH_SCALE)
    return np.where(depth < FARTHEST_M, depth, np.float32(0))


class _Annotation:
    """The tracks of a file, which are read once, when they are asked for."""

    def __init__(self, path: Path, rows: tuple[int, ...]) -> None:
        self._path = path
        self._rows = rows
        """Of the frames."""

    def tracks(self, frames: Sequence[int]) -> PointTracks:
        """As in `RecordedSequence.read_tracks`."""
        rows = [self._rows[index] for index in frames]
        pixels = self._arrays["trajs_2d"][rows].astype(np.float32)
        known = self._arrays["valids"][rows].astype(np.bool_) & np.isfinite(pixels).all(-1)
        visible = known & self._arrays["visibs"][rows].astype(np.bool_)
        points = self._points
        if points is None:
            return PointTracks(pixels, visible)
        return PointTracks(pixels, visible, points[rows].astype(np.float32), self._moving)

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        return read_npz(self._path, _TRACKS, DatasetError, _ADVICE)

    @cached_property
    def _points(self) -> NDArray[Any] | None:
        """(T, M, 3) in the world; older files lack them."""
        if not _POINTS.keys() <= names_in_npz(self._path, DatasetError, _ADVICE):
            return None
        lengths = dict(zip("TM", self._arrays["visibs"].shape, strict=True))
        specs = {name: spec.with_lengths(lengths) for name, spec in _POINTS.items()}
        return read_npz(self._path, specs, DatasetError, _ADVICE)["trajs_3d"]

    @cached_property
    def _moving(self) -> NDArray[np.bool_] | None:
        """(M,): on something that moves in the course of the sequence."""
        if self._points is None:
            return None
        valid = self._arrays["valids"].astype(np.bool_)[..., None] & np.isfinite(self._points)
        low = np.where(valid, self._points, np.inf).min(0)
        high = np.where(valid, self._points, -np.inf).max(0)
        return np.asarray((high - low > _MOVED_M).any(-1))


ENTRY = DatasetEntry(
    "PointOdyssey",
    Origin(
        "https://pointodyssey.com",
        "the archives of train, val and test, unpacked as they are",
        "MIT, by its page at Hugging Face",
        "train 135, val 20, test 27 GB, packed",
    ),
    (
        DatasetLayout(
            "archives",
            "{train,val,test}/<sequence>/{rgbs/rgb_00000.jpg,depths/depth_00000.png,anno.npz}",
            ("rgbs",),
            read_odyssey,
            ("", "train", "val", "test", "sample"),
        ),
    ),
    CheckLimits(
        valid_share=0.2,
        depth_error=0.01,
        inlier_error=0.03,
        track_error_px=0.25,
        track_share=0.9,
    ),
)
