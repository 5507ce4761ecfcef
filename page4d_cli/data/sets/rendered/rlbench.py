"""RLBench: a robot arm at work, seen by five cameras, each of which is a sequence of its own.

James et al., RLBench: The Robot Learning Benchmark & Learning Environment, RA-L 2020. The form is
that of its own tools: pictures and depth in PNGs, cameras in `low_dim_obs.pkl`, which is read
without making its objects (`plain_pickle.py`). Depth has 24 bits from the near to the far plane,
red first. A camera's matrix is T_world_camera with x to the left and y up, and its focal lengths
are negative; whole numbers are pixel centres, by which depth of two cameras agrees to 1e-5.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npz
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.strict_json import read_json
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.sets.entry import (
    ASK_OWNERS,
    CheckLimits,
    DatasetEntry,
    DatasetLayout,
    Origin,
)
from page4d_cli.data.sets.files import UNTIMED, absent, count_as_seconds, frames_in, partners_in
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rendered.plain_pickle import Record, entry, read_plain_pickle

_OBSERVATIONS = "low_dim_obs.pkl"
_ADVICE = "unpack or render the episode again"
_PLACES = (65536, 256, 1)
"""Of the three bytes of depth."""
_FARTHEST = 2**24 - 1
_OPENCV_AXES = np.diag([-1.0, -1.0, 1.0])
"""RLBench's cameras look along z, too, but x is left and y up."""


@dataclass(frozen=True)
class _Camera:
    """A camera when a picture was taken."""

    intrinsics: Float64Array
    T_camera_world: Float64Array
    near_m: float
    far_m: float


def read_rlbench(folder: Path, pictures: Path) -> RecordedSequence:
    """Read what a camera saw of an episode; pictures and maps are read when they are asked for.

    Args:
        folder: the episode's.
        pictures: `front_rgb` for instance, which tells the camera.

    Raises:
        DatasetError: the cameras are absent or damaged, or a picture has none.
    """
    camera = pictures.name.removesuffix("_rgb")
    frames = frames_in(pictures, "*.png")
    cameras = _read_cameras(folder / _OBSERVATIONS, camera, frames)
    depth_folder = folder / f"{camera}_depth"
    depths = partners_in(depth_folder, frames, ".png")
    return RecordedSequence(
        name=episode_name(folder, pictures),
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=np.stack([each.intrinsics for each in cameras]),
        T_camera_world=np.stack([each.T_camera_world for each in cameras]),
        read_depth=None
        if depths is None
        else lambda index: _read_depth(depths[index], cameras[index]),
        depth_files=depths,
        notes=(UNTIMED, *([absent("depth", depth_folder)] if depths is None else [])),
    )


def episode_name(folder: Path, pictures: Path) -> str:
    """`reach_target_variation0_episode0_front` for instance."""
    task, variation, _, episode = folder.absolute().parts[-4:]
    return "_".join((task, variation, episode, pictures.name.removesuffix("_rgb")))


def _read_cameras(path: Path, camera: str, frames: tuple[Path, ...]) -> list[_Camera]:
    """The camera of each picture, which is called by the number of its observation."""
    demo = read_plain_pickle(path, _ADVICE)
    try:
        observations = demo.field("_observations") if isinstance(demo, Record) else None
        if not isinstance(observations, list):
            raise ValueError("it holds no observations")
        cameras = []
        for frame in frames:
            if not (frame.stem.isdecimal() and int(frame.stem) < len(observations)):
                raise ValueError(
                    f"it has {len(observations)} observations, and none for {frame.name}"
                )
            cameras.append(_camera(observations[int(frame.stem)], camera))
    except ValueError as error:
        raise DatasetError(f"{path}: {error}; {_ADVICE}") from error
    return cameras


def _camera(observation: Any, name: str) -> _Camera:  # noqa: ANN401 - a pickle may hold anything
    """A camera of an observation.

    Raises:
        ValueError: it is not there, or not what it should be.
    """
    if not isinstance(observation, Record):
        raise ValueError("an observation is none")
    misc = observation.field("misc")
    intrinsics = _array(misc, f"{name}_camera_intrinsics", (3, 3))
    T_world_camera = _array(misc, f"{name}_camera_extrinsics", (4, 4))[:3]
    T_world_camera[:, :3] = T_world_camera[:, :3] @ _OPENCV_AXES
    near_m, far_m = (_length(misc, f"{name}_camera_{plane}") for plane in ("near", "far"))
    return _Camera(np.abs(intrinsics), np.asarray(invert_rigid(T_world_camera)), near_m, far_m)


def _array(misc: object, name: str, shape: tuple[int, ...]) -> Float64Array:
    value = entry(misc, name)
    try:
        if not isinstance(value, Record):
            raise ValueError("it is no array")
        return value.array(shape)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _length(misc: object, name: str) -> float:
    value = entry(misc, name)
    if not (isinstance(value, float) and 0 < value < 1e6):
        raise ValueError(f"{name} is no length")
    return value


def _read_depth(path: Path, camera: _Camera) -> Float32Array:
    """(H, W) planar z in metres, 0 at the far plane, where nothing was met."""
    steps = read_image(path).astype(np.int64) @ _PLACES
    depth = camera.near_m + steps / _FARTHEST * (camera.far_m - camera.near_m)
    return np.where(steps < _FARTHEST, depth, 0).astype(np.float32)


@dataclass(frozen=True)
class _CameraParameters:
    """What `camera_params.json` says of a camera."""

    Intrinsic: tuple[tuple[float, float, float], ...]
    """3 rows."""
    Extrinsic: tuple[tuple[float, float, float, float], ...]
    """3 or 4 rows."""

    def __post_init__(self) -> None:
        if len(self.Intrinsic) != 3 or len(self.Extrinsic) not in (3, 4):
            raise ValueError("expected 3×3 Intrinsic and 3×4 or 4×4 Extrinsic")


def read_rlbench_frames(folder: Path, pictures: Path) -> RecordedSequence:
    """Read an episode in the form that PAGE-4D's training expects; its cameras stand still.

    Args:
        folder: the episode's.
        pictures: `front_rgb_frames` for instance, which tells the camera.

    Raises:
        DatasetError: the camera is not in `camera_params.json`, or that is absent or malformed.
    """
    camera = pictures.name.removesuffix("_rgb_frames")
    frames = frames_in(pictures, "*.jpg", "*.png")
    path = folder.absolute().parent / "camera_params.json"
    cameras = read_json(dict[str, _CameraParameters], path, DatasetError, _ADVICE, foreign=True)
    if camera not in cameras:
        raise DatasetError(f"{path} has no camera {camera!r}; {_ADVICE}")
    extrinsic = np.array(cameras[camera].Extrinsic[:3])
    depth_folder = folder / f"{camera}_depth_npy"
    depths = partners_in(depth_folder, frames, ".npz")
    return RecordedSequence(
        name=_frames_name(folder, pictures),
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=np.array(cameras[camera].Intrinsic),
        T_camera_world=np.repeat(extrinsic[None], len(frames), 0),
        read_depth=None if depths is None else lambda index: _read_npz_depth(depths[index]),
        depth_files=depths,
        notes=(
            UNTIMED,
            "the extrinsics are taken for T_camera_world, which a camera that stands still cannot "
            "tell",
            *([absent("depth", depth_folder)] if depths is None else []),
        ),
    )


def _read_npz_depth(path: Path) -> Float32Array:
    spec = ArraySpec(ArrayKind.FLOAT, ("H", "W"))
    depth = read_npz(path, {"arr_0": spec}, DatasetError, _ADVICE)["arr_0"]
    return depth.astype(np.float32)


def _frames_name(folder: Path, pictures: Path) -> str:
    return "_".join((*folder.absolute().parts[-2:], pictures.name.removesuffix("_rgb_frames")))


ENTRY = DatasetEntry(
    "RLBench, rendered demonstrations",
    Origin(
        "https://github.com/stepjam/RLBench",
        "demonstrations that its `tools/dataset_generator.py` renders, with depth: "
        "`rlbench/<task>/variation<k>/episodes/`",
        ASK_OWNERS,
        "as much as is rendered",
    ),
    (
        DatasetLayout(
            "raw",
            "<task>/variation0/episodes/episode0/{front_rgb/0.png,front_depth/0.png,…,"
            f"{_OBSERVATIONS}}}",
            ("*_rgb",),
            read_rlbench,
            ("", "episodes", "*/episodes", "*/*/episodes"),
            sequence_name=episode_name,
        ),
        DatasetLayout(
            "frames",
            "<task>/{camera_params.json,<episode>/{front_rgb_frames/,front_depth_npy/}}",
            ("*_rgb_frames",),
            read_rlbench_frames,
            ("", "*"),
            sequence_name=_frames_name,
        ),
    ),
    CheckLimits(valid_share=0.5, depth_error=0.01, inlier_error=0.02),
)
