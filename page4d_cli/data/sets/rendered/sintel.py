"""MPI Sintel with its depth and cameras.

Butler et al., A Naturalistic Open Source Movie for Optical Flow Evaluation, ECCV 2012; the formats
are those of the reader that comes with the depth archive.

All files are little-endian and begin with the float32 202021.25. `.dpt` goes on with int32 width,
int32 height and float32 planar z, row by row; `.cam` with 9 float64 K and 12 float64
T_camera_world, row by row; `.flo` as `.dpt`, with float32 (u, v) to the next frame. Pixels of
`occlusions/` and `invalid/` that are not black are not seen in it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.paths import require_file
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.clip.images import image_size, read_image
from page4d_cli.data.sets.entry import ASK_OWNERS, CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    frames_in,
    numbers_of,
    partners_in,
)
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rendered.flow import Flow, advect

TAG = 202021.25
_CAM_BYTES = 4 + 8 * (9 + 12)
_PICTURES_ARCHIVE = "MPI-Sintel-training_images"
_DEPTH_ARCHIVE = "MPI-Sintel-depth-training-20150305"
_EXTRAS_ARCHIVE = "MPI-Sintel-training_extras"


def read_sintel(folder: Path, _marker: Path) -> RecordedSequence:
    """Read a sequence; pictures and maps are read when they are asked for.

    Args:
        folder: of its pictures, `training/final/<sequence>` or `training/clean/<sequence>`.

    Raises:
        DatasetError: a camera is absent or malformed, or a depth map is absent.
    """
    frames = frames_in(folder, "frame_*.png")
    depth_folder, camera_folder = (
        _ground_truth(folder.absolute(), kind) for kind in ("depth", "camdata_left")
    )
    depths = partners_in(depth_folder, frames, ".dpt")
    cameras = partners_in(camera_folder, frames, ".cam")
    read = None if cameras is None else [read_cam(path) for path in cameras]
    read_flow = _flow_reader(folder.absolute(), frames)
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=None if read is None else np.stack([k for k, _ in read]),
        T_camera_world=None if read is None else np.stack([pose for _, pose in read]),
        read_depth=None if depths is None else lambda index: read_dpt(depths[index]),
        depth_files=depths,
        read_tracks=None
        if read_flow is None
        else lambda chosen: advect(read_flow, chosen, image_size(frames[chosen[0]])),
        notes=(
            UNTIMED,
            *([absent("depth", depth_folder)] if depths is None else []),
            *([absent("cameras", camera_folder)] if cameras is None else []),
        ),
    )


def _ground_truth(folder: Path, kind: str) -> Path:
    """The folder of a kind of ground truth: beside the pictures, or in an archive of its own."""
    training = folder.parents[1]
    if training.parent.name == _PICTURES_ARCHIVE and not (training / kind).is_dir():
        archive = _DEPTH_ARCHIVE if kind in {"depth", "camdata_left"} else _EXTRAS_ARCHIVE
        training = training.parents[1] / archive / "training"
    return training / kind / folder.name


def _flow_reader(folder: Path, frames: tuple[Path, ...]) -> Callable[[int], Flow] | None:
    """Reads flow and what of it the next frame does not show; None if there is no flow."""
    flows = partners_in(_ground_truth(folder, "flow"), frames[:-1], ".flo")
    if flows is None:
        return None
    numbers_of(frames)  # flow leads from each to the next
    kinds = ("occlusions", "invalid")
    masks = [partners_in(_ground_truth(folder, kind), frames[:-1], ".png") for kind in kinds]

    def read(index: int) -> Flow:
        motion = read_flo(flows[index])
        seen = np.asarray(np.isfinite(motion).all(-1))
        for path in (paths[index] for paths in masks if paths is not None):
            mask = read_image(path)[..., 0] > 0
            if mask.shape != seen.shape:
                raise DatasetError(
                    f"{path} is {mask.shape[1]}×{mask.shape[0]}, its flow "
                    f"{seen.shape[1]}×{seen.shape[0]}"
                )
            seen &= ~mask
        return Flow(motion, seen)

    return read


def read_dpt(path: Path) -> Float32Array:
    """Read depth.

    Returns:
        (H, W) planar z, in the unit of the cameras.

    Raises:
        DatasetError: the file is absent, of another format or of another size than it says.
    """
    return _read_map(path, 1)[..., 0]


def read_flo(path: Path) -> Float32Array:
    """Read flow.

    Returns:
        (H, W, 2) as (u, v), pixels to the next frame.

    Raises:
        DatasetError: the file is absent, of another format or of another size than it says.
    """
    return _read_map(path, 2)


def _read_map(path: Path, channels: int) -> Float32Array:
    """(H, W, channels)."""
    data = _tagged(path, 12)
    width, height = (int(value) for value in np.frombuffer(data, "<i4", 2, 4))
    if width <= 0 or height <= 0 or len(data) != 12 + 4 * channels * width * height:
        raise DatasetError(
            f"{path} says {width}×{height} pixels and has {len(data)} bytes; expected 12 and "
            f"{4 * channels} a pixel; unpack the data set again"
        )
    values = np.frombuffer(data, "<f4", offset=12).reshape(height, width, channels)
    return values.astype(np.float32)  # a copy that can be written to, in the machine's byte order


def read_cam(path: Path) -> tuple[Float64Array, Float64Array]:
    """Read a camera.

    Returns:
        K (3, 3) in pixels, and T_camera_world (3, 4).

    Raises:
        DatasetError: the file is absent, or of another format or size.
    """
    data = _tagged(path, _CAM_BYTES)
    if len(data) != _CAM_BYTES:
        raise DatasetError(f"{path} has {len(data)} bytes; expected {_CAM_BYTES}")
    values = np.frombuffer(data, "<f8", offset=4).astype(np.float64)
    return values[:9].reshape(3, 3), values[9:].reshape(3, 4)


def _tagged(path: Path, least: int) -> bytes:
    try:
        data = require_file(path).read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    if len(data) < least:
        raise DatasetError(f"{path} has {len(data)} bytes; expected at least {least}")
    tag = float(np.frombuffer(data, "<f4", 1)[0])
    if tag != TAG:
        raise DatasetError(f"{path} begins with {tag:g}; a file of MPI Sintel begins with {TAG}")
    return data


def _layout(quality: str) -> DatasetLayout:
    return DatasetLayout(
        quality,
        f"training/{{{quality}/<sequence>/frame_0001.png,depth/…/frame_0001.dpt,"
        "camdata_left/…/frame_0001.cam}, with or without the archives' folders before it",
        ("frame_*.png",),
        read_sintel,
        (f"training/{quality}", f"MPI-Sintel-training_images/training/{quality}"),
    )


# fmt: off
_SCORED_POSE = (
    "alley_2", "ambush_4", "ambush_5", "ambush_6", "cave_2", "cave_4", "market_2", "market_5",
    "market_6", "shaman_3", "sleeping_1", "sleeping_2", "temple_2", "temple_3",
)
_SCORED_DEPTH = (
    "alley_1", "alley_2", "ambush_2", "ambush_4", "ambush_5", "ambush_6", "ambush_7", "bamboo_1",
    "bamboo_2", "bandage_1", "bandage_2", "cave_2", "cave_4", "market_2", "market_5", "market_6",
    "mountain_1", "shaman_2", "shaman_3", "sleeping_1", "sleeping_2", "temple_2", "temple_3",
)
# fmt: on
ENTRY = DatasetEntry(
    "MPI Sintel",
    Origin(
        "http://sintel.is.tue.mpg.de",
        '"MPI-Sintel-training_images.zip", and from the depth page '
        '"MPI-Sintel-depth-training-20150305.zip": both unpacked as they are; for tracks '
        '"MPI-Sintel-training_extras.zip", too',
        ASK_OWNERS,
        ASK_OWNERS,
    ),
    (_layout("final"), _layout("clean")),
    CheckLimits(
        valid_share=0.9,
        depth_error=0.03,
        inlier_error=0.05,
        track_error_px=0.25,
    ),
    Benchmark(
        pose_sequences=_SCORED_POSE,
        depth_sequences=_SCORED_DEPTH,
        video_limits=DepthLimits(70, clip=70),
        mono_limits=DepthLimits(70, clip=70),
        original_left_out=("market_5",),
    ),
)
