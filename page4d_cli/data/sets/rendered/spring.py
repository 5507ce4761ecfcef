"""Spring (Mehl et al., CVPR 2023; formats are those of the data set's pages).

`<split>/<sequence>/frame_<eye>/frame_<eye>_0001.png` in full HD; in `cam_data/`, a row a frame,
`intrinsics.txt` (fx fy cx cy) and `extrinsics.txt` (4×4 T_camera_world of the left eye). Disparity
`disp1_<eye>/….dsp5`, flow `flow_FW_<eye>/….flo5` and `maps/` have two rows and two columns for each
of the pictures; their values are pixels of the pictures. Of each four the first counts: between
them are two surfaces at edges.

Depth is fx · 0.065 m / disparity; the sky has none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.clip.images import image_size
from page4d_cli.data.sets.entry import CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.extra import require_modules
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    files_called,
    frames_in,
    numbers_of,
    read_numbers,
)
from page4d_cli.data.sets.png import read_numbers8
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence
from page4d_cli.data.sets.rendered.flow import Flow, advect
from page4d_cli.data.sets.rgbd.recording import matrix_from_pinhole

BASELINE_M = 0.065
_ADVICE = "unpack the data set again"


def read_spring(folder: Path, pictures: Path) -> RecordedSequence:
    """Read one eye of a sequence; pictures, maps and flow are read when they are asked for.

    Args:
        folder: the sequence's.
        pictures: its `frame_left` or `frame_right`.

    Raises:
        DatasetError: a camera is absent or malformed, or a map is absent.
    """
    require_modules("spring", "h5py")
    eye = pictures.name.removeprefix("frame_")
    frames = frames_in(pictures, f"frame_{eye}_*.png")
    rows = [number - 1 for number in numbers_of(frames)]
    pinholes = _rows(folder / "cam_data/intrinsics.txt", 4, rows)
    poses = _rows(folder / "cam_data/extrinsics.txt", 16, rows).reshape(-1, 4, 4)[:, :3]
    if eye == "right":
        poses[:, 0, 3] -= BASELINE_M
    maps = _Maps(folder, eye, frames, pinholes[:, 0])
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=np.stack([matrix_from_pinhole(pinhole) for pinhole in pinholes]),
        T_camera_world=poses,
        read_depth=None if maps.disparity is None else maps.read_depth,
        depth_files=maps.disparity,
        read_moving=None if maps.rigid is None else maps.read_moving,
        read_tracks=None if maps.flow is None else maps.read_tracks,
        notes=(UNTIMED, f"the {eye} eye", *maps.notes),
    )


def _rows(path: Path, columns: int, rows: list[int]) -> Float64Array:
    """Rows of a table; a single one is that of all frames."""
    table = read_numbers(path, None, columns)
    if len(table) == 1:
        return np.repeat(table, len(rows), axis=0)
    if max(rows) >= len(table):
        raise DatasetError(f"{path} has {len(table)} rows; expected {max(rows) + 1}, one a frame")
    return table[rows]


class _Maps:
    """The maps of one eye, at the size of its pictures; None: there are none of the kind."""

    def __init__(
        self, folder: Path, eye: str, frames: tuple[Path, ...], focal_px: Float64Array
    ) -> None:
        self._frames = frames
        self._focal_px = focal_px
        """(S,)."""
        self._folder = folder
        self._eye = eye
        self.disparity = self._files("disp1", ".dsp5", frames)
        self.flow = self._files("flow_FW", ".flo5", frames[:-1])
        self.rigid = self._files("maps/rigidmap_FW", ".png", frames[:-1])
        self._sky = self._files("maps/skymap", ".png", frames)
        self._matched = self._files("maps/matchmap_flow_FW", ".png", frames[:-1])

    @property
    def notes(self) -> list[str]:
        """What is not there."""
        kinds = {"depth": "disp1", "flow": "flow_FW", "moving pixels": "maps/rigidmap_FW"}
        files = (self.disparity, self.flow, self.rigid)
        return [
            absent(what, self._folder / f"{kind}_{self._eye}")
            for (what, kind), found in zip(kinds.items(), files, strict=True)
            if found is None
        ]

    def _files(self, kind: str, suffix: str, frames: tuple[Path, ...]) -> tuple[Path, ...] | None:
        folder = self._folder / f"{kind}_{self._eye}"
        numbers = [frame.stem.rpartition("_")[2] for frame in frames]
        return files_called(folder, [f"{folder.name}_{number}{suffix}" for number in numbers])

    def read_depth(self, index: int) -> Float32Array:
        """(H, W) metres, 0 = none."""
        assert self.disparity is not None
        # Which sign the disparity of the right eye has is not documented.
        disparity = np.abs(self._read_hdf5(self.disparity[index], "disparity", index))
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = self._focal_px[index] * BASELINE_M / disparity
        known = np.isfinite(depth)
        if self._sky is not None:
            known &= ~self._read_flags(self._sky[index], index)
        return np.where(known, depth, 0).astype(np.float32)

    def read_moving(self, index: int) -> NDArray[np.bool_]:
        """(H, W): motion on the way to the next frame, of the last one on that to the one before.

        All of it where that is not known.
        """
        assert self.rigid is not None
        if index < len(self.rigid):
            return self._read_flags(self.rigid[index], index)
        back = self.rigid[-1].parent.with_name(f"rigidmap_BW_{self._eye}") if self.rigid else None
        number = self._frames[index].stem.rpartition("_")[2]
        path = None if back is None else back / f"{back.name}_{number}.png"
        if path is not None and path.is_file():
            return self._read_flags(path, index)
        width, height = image_size(self._frames[index])
        return np.ones((height, width), np.bool_)

    def read_tracks(self, frames: Sequence[int]) -> PointTracks:
        """As in `RecordedSequence`."""
        return advect(self._read_flow, frames, image_size(self._frames[frames[0]]))

    def _read_flow(self, index: int) -> Flow:
        assert self.flow is not None
        motion = self._read_hdf5(self.flow[index], "flow", index, channels=(2,))
        seen = np.asarray(np.isfinite(motion).all(-1))
        if self._matched is not None:
            seen &= ~self._read_flags(self._matched[index], index)
        return Flow(motion, seen)

    def _read_flags(self, path: Path, index: int) -> NDArray[np.bool_]:
        flags = self._thinned(path, read_numbers8(path), index)
        return np.asarray(flags.any(-1) if flags.ndim == 3 else flags != 0)

    def _read_hdf5(
        self, path: Path, name: str, index: int, channels: tuple[int, ...] = ()
    ) -> Float32Array:
        width, height = image_size(self._frames[index])
        shapes = [(n * height, n * width, *channels) for n in (1, 2)]
        return self._thinned(path, _read_hdf5(path, name, shapes), index)

    def _thinned(self, path: Path, values: NDArray[Any], index: int) -> NDArray[Any]:
        """One of each four, of a map that has them."""
        width, height = image_size(self._frames[index])
        factor = values.shape[0] // height
        if factor not in {1, 2} or values.shape[:2] != (factor * height, factor * width):
            raise DatasetError(
                f"{path} is {values.shape[1]}×{values.shape[0]}; expected twice the picture, "
                f"{2 * width}×{2 * height}"
            )
        return values[::factor, ::factor]


def _read_hdf5(path: Path, name: str, shapes: list[tuple[int, ...]]) -> Float32Array:
    """Floats of one of the shapes, which is looked at before memory is taken for them."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            values = file[name]
            shape, kind = values.shape, values.dtype.kind
            # HDF5 follows links and takes values from other files, wherever these lie.
            if values.file.filename != file.filename or values.external or values.is_virtual:
                raise DatasetError(f"{path}: {name} lies in another file; {_ADVICE}")
            if kind != "f":
                raise DatasetError(f"{path}: {name} holds no floats; {_ADVICE}")
            if shape not in shapes:
                sides = " or ".join(map(str, shapes))
                raise DatasetError(f"{path}: {name} has shape {shape}; expected {sides}")
            return np.asarray(values[()], np.float32)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"cannot read {path}: it is absent or damaged, or holds no {name!r}; {_ADVICE}"
        ) from error


def _layout(eye: str) -> DatasetLayout:
    return DatasetLayout(
        eye,
        f"<split>/<sequence>/{{frame_{eye}/frame_{eye}_0001.png,disp1_{eye}/…_0001.dsp5,"
        "cam_data/{intrinsics.txt,extrinsics.txt},flow_FW_…/,maps/}",
        (f"frame_{eye}",),
        read_spring,
        ("", "train", "test", "spring/train", "spring/test"),
    )


ENTRY = DatasetEntry(
    "Spring",
    Origin(
        "https://spring-benchmark.org",
        "train_frame_left, train_disp1_left and train_cam_data, for tracks and moving pixels "
        "train_flow_FW_left and train_maps: unpacked as they are",
        "CC BY 4.0",
        "pictures of train, one eye 13 GB, packed; see the owners' page for the rest",
    ),
    (_layout("left"), _layout("right")),
    CheckLimits(
        valid_share=0.2,
        depth_error=0.01,
        inlier_error=0.03,
        track_error_px=0.25,
        track_share=0.9,
    ),
)
