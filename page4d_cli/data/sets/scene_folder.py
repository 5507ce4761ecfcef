"""Scenes that `page4d synth --layout page4d` wrote (`pipelines/synth/files.py` has the layout)."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from page4d_cli._version import __version__
from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.sets.files import read_npy
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence

SCENE_JSON = "scene.json"
"""Comes to its place last: a folder with it is complete."""
_CAMERAS = ("timestamps_s", "extrinsics", "intrinsics")
_TRACKS = ("pixels", "visible", "points_world", "moving")
_NPZ_ERRORS = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)


@dataclass(frozen=True)
class PinholeRecord:
    """A camera's intrinsics, in pixels of the pictures."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, kw_only=True)
class SceneRecord:
    """A synthetic scene as its `scene.json` holds it."""

    schema: Literal[1] = 1
    page4d: str = __version__
    layout: SynthLayout
    seed: int
    recipe: dict[str, Json]
    """The ranges from which it was drawn."""
    size: tuple[int, int]
    """(width, height)."""
    intrinsics: PinholeRecord
    moving_bodies: int
    conventions: dict[str, str]
    timestamps_s: tuple[float, ...]
    """Of the pictures."""
    depth_png_scale: float | None = None
    """PNG values a metre, of the layout that has such depth."""
    files: tuple[str, ...] = ()
    """Paths of the other files, relative to the scene's folder, sorted."""


def read_scene_folder(folder: Path) -> RecordedSequence:
    """Read a scene; pictures and maps are read when they are asked for.

    Args:
        folder: holds scene.json.

    Returns:
        The sequence, with depth, moving pixels and tracks.

    Raises:
        DatasetError: a file is absent or damaged, or the folder is of another layout.
    """
    layout = read_scene_json(folder).layout
    if layout is not SynthLayout.PAGE4D:
        raise DatasetError(
            f"{folder / SCENE_JSON} says layout {layout.value!r}; expected 'page4d'; "
            "check a folder of the layout 'tum' as the data set tum"
        )
    timestamps_s, extrinsics, intrinsics = _arrays(folder / "cameras.npz", _CAMERAS)
    count = len(timestamps_s)
    tracks = PointTracks(*_arrays(folder / "tracks.npz", _TRACKS))
    points = tracks.moving.shape
    for file, name, shape, expected in (
        ("cameras.npz", "timestamps_s", timestamps_s.shape, (count,)),
        ("cameras.npz", "extrinsics", extrinsics.shape, (count, 3, 4)),
        ("cameras.npz", "intrinsics", intrinsics.shape, (count, 3, 3)),
        ("tracks.npz", "pixels", tracks.pixels.shape, (count, *points, 2)),
        ("tracks.npz", "visible", tracks.visible.shape, (count, *points)),
        ("tracks.npz", "points_world", tracks.points_world.shape, (count, *points, 3)),
    ):
        if shape != expected:
            raise DatasetError(f"{folder / file}: {name} has shape {shape}; expected {expected}")
    depths = tuple(folder / "depth" / f"{index:06d}.npy" for index in range(count))
    return RecordedSequence(
        name=folder.absolute().name,
        frames=tuple(folder / "rgb" / f"{index:06d}.png" for index in range(count)),
        timestamps_s=timestamps_s,
        intrinsics=intrinsics,
        T_camera_world=extrinsics,
        read_depth=lambda index: read_npy(depths[index], "depth (H, W) in float32"),
        depth_files=depths,
        read_moving=lambda index: np.asarray(
            read_image(folder / "moving" / f"{index:06d}.png")[..., 0] > 127
        ),
        tracks=tracks,
    )


def read_scene_json(folder: Path) -> SceneRecord:
    """What `scene.json` says of a synthetic scene of either layout.

    Args:
        folder: the scene's.

    Raises:
        DatasetError: the file is absent, of another schema, or a key is missing or mistyped.
    """
    advice = "write the scene with page4d synth"
    return read_json(SceneRecord, folder / SCENE_JSON, DatasetError, advice, defaults=True)


def _arrays(path: Path, names: tuple[str, ...]) -> list[NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except _NPZ_ERRORS as error:
        raise DatasetError(
            f"cannot read {path}: {_reason(error)}; expected the arrays {', '.join(names)}"
        ) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"it is damaged ({error})"
