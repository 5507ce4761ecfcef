"""Scenes that `page4d synth --layout page4d` wrote (`pipelines/synth/files.py` has the layout)."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import DatasetError
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.sets.files import read_npy
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence

_CAMERAS = ("timestamps_s", "extrinsics", "intrinsics")
_TRACKS = ("pixels", "visible", "points_world", "moving")
_NPZ_ERRORS = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)


def read_scene_folder(folder: Path) -> RecordedSequence:
    """Read a scene; pictures and maps are read when they are asked for.

    Args:
        folder: holds scene.json.

    Returns:
        The sequence, with depth, moving pixels and tracks.

    Raises:
        DatasetError: a file is absent or damaged, or the folder is of another layout.
    """
    about = read_scene_json(folder)
    if about.get("layout") != "page4d":
        raise DatasetError(
            f"{folder / 'scene.json'} says layout {about.get('layout')!r}; expected 'page4d'; "
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


def read_scene_json(folder: Path) -> dict[str, Any]:
    """What `scene.json` says of a synthetic scene of either layout.

    Args:
        folder: the scene's.

    Raises:
        DatasetError: the file is absent, or no JSON object of schema 1.
    """
    path = folder / "scene.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise DatasetError(
            f"cannot read {path}: {reason}; a folder without it is no complete scene"
        ) from error
    schema = about.get("schema") if isinstance(about, dict) else None
    if schema != 1:
        raise DatasetError(f"{path} has schema {schema!r}; expected 1; write it with page4d synth")
    return dict(about)


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
