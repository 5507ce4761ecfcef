"""Scenes of Kubric's generators, MOVi for instance (Greff et al., CVPR 2022), as these write them.

`rgba_00000.png`, `depth_00000.tiff`, `segmentation_00000.png` and `metadata.json` in a folder. The
metadata has the camera's and the instances' `positions` and `quaternions` (w, x, y, z), to the
world, a row a frame; cameras look along -z with y up. Depth is the length of a ray, segments are
numbers of instances from 1, 0 is the background. Square pixels, the principal point in the middle
of the picture.

Tracks are those of `tracks.npy` (M, T, 2) and `track_masks.npy` (M, T), columns in the order of the
frames, where these are there; else they are made from depth, segments and motions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npy
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import (
    camera_points_from_depth,
    invert_rigid,
    matrix_from_quat_xyzw,
    valid_depth,
)
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.strict_json import read_json
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.clip.images import image_size
from page4d_cli.data.sets.entry import ASK_OWNERS, CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.extra import require_modules
from page4d_cli.data.sets.files import (
    UNTIMED,
    count_as_seconds,
    files_called,
    frames_in,
    numbers_of,
)
from page4d_cli.data.sets.png import read_numbers8
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence, TrackReader
from page4d_cli.data.sets.rendered.bodies import RigidBodies
from page4d_cli.data.sets.rgbd.recording import matrix_from_pinhole

METADATA = "metadata.json"
_ADVICE = "unpack the scene again"
_BLENDER_AXES = np.diag([1.0, -1.0, -1.0])
"""From OpenCV's axes to those of the cameras here."""
_NOTHING_M = 1e6
"""Rays longer than this met nothing."""
_MOVED = 1e-4
"""Metres, and components of quaternions, by which instances at rest may tremble."""
_Vector = tuple[float, float, float]
_Quat = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Motion:
    positions: tuple[_Vector, ...]
    quaternions: tuple[_Quat, ...]

    def __post_init__(self) -> None:
        if not self.positions or len(self.positions) != len(self.quaternions):
            raise ValueError(
                f"{len(self.positions)} positions and {len(self.quaternions)} quaternions"
            )

    def T_world_body(self, rows: list[int]) -> Float64Array:
        """(S, 3, 4) of rows; a single one stands for all."""
        count = len(self.positions)
        rows = [0] * len(rows) if count == 1 else rows
        if max(rows) >= count:
            raise ValueError(f"there are poses of {count} frames, none of frame {max(rows)}")
        quats = np.array(self.quaternions)[rows][:, [1, 2, 3, 0]]
        centres = np.array(self.positions)[rows][..., None]
        return np.concatenate([matrix_from_quat_xyzw(quats), centres], -1)

    @property
    def moves(self) -> bool:
        """Whether place or direction change."""
        both = np.hstack([np.array(self.positions), np.array(self.quaternions)])
        return bool((np.ptp(both, axis=0) > _MOVED).any())


@dataclass(frozen=True)
class _Camera(_Motion):
    field_of_view: float | None = None
    """Horizontal, in radians."""
    focal_length: float | None = None
    sensor_width: float | None = None
    """In the same unit."""

    def intrinsics(self, size: tuple[int, int]) -> Float64Array:
        """K (3, 3) of pictures of `size` = (width, height)."""
        width, height = size
        if self.field_of_view is not None:
            focal = width / 2 / np.tan(self.field_of_view / 2)
        elif self.focal_length is not None and self.sensor_width:
            focal = width * self.focal_length / self.sensor_width
        else:
            raise ValueError("the camera has no field_of_view, nor focal_length and sensor_width")
        return matrix_from_pinhole((focal, focal, (width - 1) / 2, (height - 1) / 2))

    def T_camera_world(self, rows: list[int]) -> Float64Array:
        """(S, 3, 4) of rows."""
        poses = self.T_world_body(rows)
        poses[..., :3] = poses[..., :3] @ _BLENDER_AXES
        return np.asarray(invert_rigid(poses), np.float64)


@dataclass(frozen=True)
class _Scene:
    """What is taken of the metadata."""

    camera: _Camera
    instances: tuple[_Motion, ...] = ()
    depth_range: tuple[float, float] = (0.1, 100.0)
    """Metres that the ends of 16-bit depth stand for."""


def read_kubric(folder: Path, metadata: Path) -> RecordedSequence:
    """Read a scene; pictures, maps and tracks are read when they are asked for.

    Args:
        folder: the scene's.
        metadata: its `metadata.json`.

    Raises:
        DatasetError: the metadata are malformed or lack a frame, or a map is absent.
        FramesError: the first picture is absent or damaged.
    """
    require_modules("kubric", "tifffile")
    frames = frames_in(folder, "rgba_*.png")
    rows = numbers_of(frames)
    scene = read_json(_Scene, metadata, DatasetError, _ADVICE, defaults=True, foreign=True)
    size = image_size(frames[0])
    try:
        intrinsics = scene.camera.intrinsics(size)
        T_camera_world = scene.camera.T_camera_world(rows)
        T_world_body = [instance.T_world_body(rows) for instance in scene.instances]
    except ValueError as error:
        raise DatasetError(f"{metadata}: {error}; {_ADVICE}") from error
    depths = files_called(folder, [f"depth_{stem}.tiff" for stem in _stems(frames)])
    assert depths is not None  # the folder is there

    def read_depth(index: int) -> Float32Array:
        return _read_depth(depths[index], size, intrinsics, scene.depth_range)

    def read_posed_depth(index: int) -> PosedDepth:
        return PosedDepth(valid_depth(read_depth(index)), intrinsics, T_camera_world[index])

    bodies = _bodies(folder, frames, scene, T_world_body, size)
    tracks = _stored_tracks(folder, len(frames))
    if tracks is None and bodies is not None:
        tracks = partial(bodies.tracks, read_posed_depth=read_posed_depth)
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=intrinsics,
        T_camera_world=T_camera_world,
        read_depth=read_depth,
        depth_files=depths,
        read_moving=None if bodies is None else bodies.read_moving,
        read_tracks=tracks,
        notes=(UNTIMED, *(["no segments: nobody knows what moves"] if bodies is None else [])),
    )


def _stems(frames: tuple[Path, ...]) -> list[str]:
    return [frame.stem.removeprefix("rgba_") for frame in frames]


def _bodies(
    folder: Path,
    frames: tuple[Path, ...],
    scene: _Scene,
    T_world_body: list[Float64Array],
    size: tuple[int, int],
) -> RigidBodies | None:
    """Background and instances; None if the scene has no segments."""
    if next(folder.glob("segmentation_*.png"), None) is None:
        return None
    names = [f"segmentation_{stem}.png" for stem in _stems(frames)]
    paths = files_called(folder, names)
    assert paths is not None  # the folder is there
    background = np.broadcast_to(np.eye(3, 4), (len(frames), 3, 4))
    return RigidBodies(
        T_world_body=np.stack([background, *T_world_body]),
        moving=np.array([False, *(instance.moves for instance in scene.instances)]),
        read_numbers=lambda index: _read_segments(paths[index], len(T_world_body), size),
    )


def _read_segments(path: Path, instances: int, size: tuple[int, int]) -> NDArray[Any]:
    """(H, W) numbers of instances, from 1; the colours of the palette mean nothing."""
    numbers = read_numbers8(path)
    if numbers.ndim != 2:
        raise DatasetError(f"{path} has colours; expected numbers of instances, with a palette")
    if numbers.shape != size[::-1]:
        height, width = numbers.shape
        raise DatasetError(f"{path} is {width}×{height}; the pictures are {size[0]}×{size[1]}")
    if numbers.max() > instances:
        raise DatasetError(
            f"{path} shows instance {numbers.max()}; {METADATA} has {instances} instances"
        )
    return numbers


def _read_depth(
    path: Path,
    size: tuple[int, int],
    intrinsics: Float64Array,
    depth_range: tuple[float, float],
) -> Float32Array:
    """Planar z of the lengths of rays."""
    length = _read_tiff(path, size[::-1])
    if length.dtype == np.uint16:
        low, high = depth_range
        length = low + length / 65535.0 * (high - low)
    rays = camera_points_from_depth(np.ones(length.shape), intrinsics)
    with np.errstate(invalid="ignore"):
        met = (length > 0) & (length < _NOTHING_M)
        return np.where(met, length / np.linalg.norm(rays, axis=-1), 0).astype(np.float32)


def _read_tiff(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """Floats or 16 bits of a shape, which is looked at before memory is taken for them."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            is_depth = page.dtype is not None and (
                page.dtype == np.uint16 or page.dtype.kind == "f"
            )
            if not is_depth or page.shape not in (shape, (*shape, 1)):
                raise DatasetError(
                    f"{path} holds {page.dtype} of shape {page.shape}; expected floats or 16 bits "
                    f"of shape {shape}, as the picture"
                )
            return np.asarray(page.asarray()).reshape(shape)
    except (OSError, ValueError, KeyError, IndexError, tifffile.TiffFileError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DatasetError(f"cannot read {path} as a TIFF: {reason}; {_ADVICE}") from error


def _stored_tracks(folder: Path, frames: int) -> TrackReader | None:
    """Those of the scene's files; None if there are none."""
    tracks, masks = folder / "tracks.npy", folder / "track_masks.npy"
    if not (tracks.is_file() and masks.is_file()):
        return None

    def read(chosen: Sequence[int]) -> PointTracks:
        spec = ArraySpec(ArrayKind.NUMBER, ("M", frames, 2))
        pixels = read_npy(tracks, spec, DatasetError, _ADVICE, mapped=True)
        spec = ArraySpec(ArrayKind.FLAG, (len(pixels), frames))
        visible = read_npy(masks, spec, DatasetError, _ADVICE, mapped=True)
        rows = list(chosen)
        at = np.asarray(pixels[:, rows], np.float32).swapaxes(0, 1)
        seen = np.asarray(visible[:, rows]).astype(np.bool_).T
        return PointTracks(at, seen & np.isfinite(at).all(-1))

    return read


ENTRY = DatasetEntry(
    "Kubric, MOVi scenes",
    Origin(
        "https://github.com/google-research/kubric",
        "scenes as its workers write them, those of MOVi for instance",
        ASK_OWNERS,
        "as much as is rendered",
    ),
    (
        DatasetLayout(
            "scenes",
            "<scene>/{metadata.json,rgba_00000.png,depth_00000.tiff,segmentation_00000.png}",
            (METADATA,),
            read_kubric,
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
