"""Scenes that `page4d synth` wrote in the layouts `page4d` and `compact`.

`pipelines/synth/files.py` has the layouts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from page4d_cli._version import __version__
from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npy, read_npz
from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.sets.entry import CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import DEPTH
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence

SCENE_JSON = "scene.json"
"""Comes to its place last: a folder with it is complete."""
_ADVICE = "write the scene with page4d synth"
_CAMERAS = {
    "timestamps_s": ArraySpec(ArrayKind.FLOAT, ("S",)),
    "extrinsics": ArraySpec(ArrayKind.FLOAT, ("S", 3, 4)),
    "intrinsics": ArraySpec(ArrayKind.FLOAT, ("S", 3, 3)),
}
_TRACKS = {
    "pixels": ArraySpec(ArrayKind.FLOAT, ("S", "N", 2)),
    "visible": ArraySpec(ArrayKind.BOOL, ("S", "N")),
    "points_world": ArraySpec(ArrayKind.FLOAT, ("S", "N", 3)),
    "moving": ArraySpec(ArrayKind.BOOL, ("N",)),
}


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
    about = read_scene_json(folder)
    if about.layout is SynthLayout.TUM:
        raise DatasetError(
            f"{folder / SCENE_JSON} says layout 'tum'; expected 'page4d' or 'compact'; "
            "check a folder of the layout 'tum' as the data set tum"
        )
    compact = about.layout is SynthLayout.COMPACT
    scale = about.depth_png_scale
    if compact and not (scale is not None and scale > 0):
        raise DatasetError(
            f"{folder / SCENE_JSON} says depth_png_scale {scale!r}; expected a number above 0"
        )
    cameras = read_npz(folder / "cameras.npz", _CAMERAS, DatasetError, _ADVICE)
    count = len(cameras["timestamps_s"])
    specs = {name: spec.with_lengths({"S": count}) for name, spec in _TRACKS.items()}
    tracks = PointTracks(**read_npz(folder / "tracks.npz", specs, DatasetError, _ADVICE))
    picture, depth = (".jpg", ".png") if compact else (".png", ".npy")
    depths = tuple(folder / "depth" / f"{index:06d}{depth}" for index in range(count))

    def read_depth(index: int) -> NDArray[np.floating]:
        if compact and scale is not None:
            return read_depth16(depths[index], scale)
        return read_npy(depths[index], DEPTH, DatasetError, _ADVICE)

    return RecordedSequence(
        name=folder.absolute().name,
        frames=tuple(folder / "rgb" / f"{index:06d}{picture}" for index in range(count)),
        timestamps_s=cameras["timestamps_s"],
        intrinsics=cameras["intrinsics"],
        T_camera_world=cameras["extrinsics"],
        read_depth=read_depth,
        depth_files=depths,
        read_moving=lambda index: np.asarray(
            read_image(folder / "moving" / f"{index:06d}.png")[..., 0] > 127
        ),
        read_tracks=tracks.at,
    )


def read_scene_json(folder: Path) -> SceneRecord:
    """What `scene.json` says of a synthetic scene of either layout.

    Args:
        folder: the scene's.

    Raises:
        DatasetError: the file is absent, of another schema, or a key is missing or mistyped.
    """
    return read_json(SceneRecord, folder / SCENE_JSON, DatasetError, _ADVICE, defaults=True)


ENTRY = DatasetEntry(
    "scenes of page4d synth",
    Origin("", "page4d synth --out data/synthetic", "that of page4d", "as you like"),
    (
        DatasetLayout(
            "page4d",
            "<scene>/{scene.json,cameras.npz,tracks.npz,rgb/,depth/,moving/}",
            ("scene.json", "cameras.npz"),
            lambda folder, _marker: read_scene_folder(folder),
        ),
    ),
    CheckLimits(valid_share=0.9, depth_error=1e-3, inlier_error=0.01),
)
