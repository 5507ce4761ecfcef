"""The files of synthetic scenes: a folder each, in one of three layouts. Lengths are metres.

Layout `page4d`, made for training; S frames, N points:

```
scene_000042/            named after its seed
  scene.json             schema, seed, recipe, size, time stamps, conventions in words; all files
  rgb/000000.png         8-bit RGB
  depth/000000.npy       (H, W) float32, planar z; 0 would be none
  moving/000000.png      8-bit grey: 255 where something is seen that moves in the scene, else 0
  cameras.npz            timestamps_s (S,), extrinsics (S, 3, 4) T_camera_world,
                         intrinsics (S, 3, 3) in pixels, float64
  tracks.npz             surface points of frame 0: pixels (S, N, 2) as (u, v), float32, NaN behind
                         the camera; visible (S, N) bool; points_world (S, N, 3) float32;
                         moving (N,) bool
```

Layout `compact`, the same for little space: `rgb/000000.jpg`, `depth/000000.png` in 16 bits,
`depth_png_scale` of scene.json a metre, and `tracks.npz` compressed.

Layout `tum`, that of the TUM RGB-D benchmark before any preparation (Sturm et al., IROS 2012):

```
rgbd_dataset_synthetic_000042/
  rgb.txt depth.txt      `timestamp file`, each with a clock of its own
  groundtruth.txt        `timestamp tx ty tz qx qy qz qw`, camera-to-world, 100 a second
  rgb/<timestamp>.png    8-bit RGB
  depth/<timestamp>.png  16-bit, 5000 a metre, drawn at its own time
  scene.json             as above; the only place where the intrinsics stand
```
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.geometry import invert_rigid, quat_xyzw_from_matrix
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array
from page4d_cli.data.sets.rendered.scene_folder import PinholeRecord, SceneRecord
from page4d_cli.data.synthetic import SceneRecipe, SyntheticScene, render, track_points
from page4d_cli.io.formats.png import write_depth_png, write_png
from page4d_cli.io.whole.writing import writing

TRACKS = (16, 16)
"""Points that are followed: one in each cell of a grid of so many columns and rows."""
TUM_DEPTH_SCALE = 5000.0
COMPACT_DEPTH_SCALE = 1000.0
"""Millimetres; the room's longest line is 11 metres, far less than 16 bits hold."""
TUM_EPOCH_S = 1_300_000_000
TUM_POSE_RATE = 100
_TUM = SynthLayout.TUM
_DEPTH_SCALES = {SynthLayout.COMPACT: COMPACT_DEPTH_SCALE, _TUM: TUM_DEPTH_SCALE}
_FRAMES_AT_ONCE = 16
_RGB_DELAY_S, _DEPTH_DELAY_S, _POSE_DELAY_S = 0.00122, 0.00861, 0.0033
_DEPTH_JITTER_S = 0.0015


Step = Callable[[], None]
"""Called after each frame."""

_CONVENTIONS = {
    "cameras": "OpenCV: x right, y down, z forward; extrinsics are T_camera_world",
    "world": "the room: z up, origin in the middle of the floor",
    "units": "metres, seconds",
    "depth": "planar: the z of the camera frame; 0 = none",
    "pixel_centre": "whole numbers are pixel centres, (0, 0) that of the top left pixel",
}


def folder_name(layout: SynthLayout, seed: int) -> str:
    """Name of a scene's folder."""
    prefix = "rgbd_dataset_synthetic" if layout is _TUM else "scene"
    return f"{prefix}_{seed:06d}"


def write_page4d(
    folder: Path,
    scene: SyntheticScene,
    timestamps_s: Float64Array,
    size: tuple[int, int],
    step: Step,
    *,
    compact: bool = False,
) -> None:
    """Write a scene in the layout `page4d`, or in `compact`.

    Args:
        folder: empty.
        scene: what to draw.
        timestamps_s: (S,).
        size: (width, height).
        step: called after each frame.
        compact: which of the two.

    Raises:
        WriteError: the disk is full, or the like.
    """
    for kind in ("rgb", "depth", "moving"):
        _make(folder / kind)
    for index, image, depth, moving in _frames(scene, timestamps_s, size):
        stem = f"{index:06d}"
        write_png(folder / "moving" / f"{stem}.png", np.where(moving, 255, 0).astype(np.uint8))
        if compact:
            _write_jpeg(folder / "rgb" / f"{stem}.jpg", image)
            write_depth_png(folder / "depth" / f"{stem}.png", depth, COMPACT_DEPTH_SCALE)
        else:
            write_png(folder / "rgb" / f"{stem}.png", image)
            with writing(folder / "depth" / f"{stem}.npy"):
                np.save(folder / "depth" / f"{stem}.npy", depth)
        step()
    with writing(folder / "cameras.npz"):
        np.savez(
            folder / "cameras.npz",
            timestamps_s=timestamps_s,
            extrinsics=scene.T_camera_world(timestamps_s),
            intrinsics=np.repeat(scene.intrinsics(size)[None], len(timestamps_s), axis=0),
        )
    tracks = track_points([scene], timestamps_s[None], size, _grid(scene.seed, size)[None])
    with writing(folder / "tracks.npz"):
        save = np.savez_compressed if compact else np.savez
        save(
            folder / "tracks.npz",
            pixels=tracks.pixels[0].astype(np.float32),
            visible=tracks.visible[0],
            points_world=tracks.points_world[0].astype(np.float32),
            moving=tracks.moving[0],
        )


def write_tum(
    folder: Path,
    scene: SyntheticScene,
    timestamps_s: Float64Array,
    size: tuple[int, int],
    step: Step,
) -> None:
    """Write a scene as a raw folder of the TUM RGB-D benchmark; arguments as in `write_page4d`.

    The clocks of colour, depth and poses are a few milliseconds apart; that of depth is unsteady.
    """
    jitter = np.random.default_rng([scene.seed, 2]).uniform(-1, 1, len(timestamps_s))
    rgb_s = _rgb_times(timestamps_s)
    depth_s = np.round(timestamps_s + _DEPTH_DELAY_S + _DEPTH_JITTER_S * jitter, 6)
    for kind, times_s in (("rgb", rgb_s), ("depth", depth_s)):
        _make(folder / kind)
        rows = [f"{_stamp(time)} {kind}/{_stamp(time)}.png" for time in times_s]
        _write_list(folder, kind, f"{'color' if kind == 'rgb' else kind} images", rows)
    _write_poses(folder, scene, float(max(rgb_s[-1], depth_s[-1])))
    for index, image, *_ in _frames(scene, rgb_s, size):
        write_png(folder / "rgb" / f"{_stamp(rgb_s[index])}.png", image)
    for index, _, depth, _ in _frames(scene, depth_s, size):
        path = folder / "depth" / f"{_stamp(depth_s[index])}.png"
        write_depth_png(path, depth, TUM_DEPTH_SCALE)
        step()


def _rgb_times(timestamps_s: Float64Array) -> Float64Array:
    return np.round(timestamps_s + _RGB_DELAY_S, 6)


def describe(
    scene: SyntheticScene,
    recipe: SceneRecipe,
    layout: SynthLayout,
    timestamps_s: Float64Array,
    size: tuple[int, int],
) -> SceneRecord:
    """What `scene.json` says of a scene, but for its files; `timestamps_s` as for the writers."""
    k = scene.intrinsics(size)
    stamps_s = TUM_EPOCH_S + _rgb_times(timestamps_s) if layout is _TUM else timestamps_s
    return SceneRecord(
        layout=layout,
        seed=scene.seed,
        recipe=encode_fields(recipe),
        size=size,
        intrinsics=PinholeRecord(k[0, 0], k[1, 1], k[0, 2], k[1, 2]),
        moving_bodies=int(scene.is_moving.sum()),
        conventions=_CONVENTIONS,
        timestamps_s=tuple(stamps_s.tolist()),
        depth_png_scale=_DEPTH_SCALES.get(layout),
    )


def _frames(
    scene: SyntheticScene, timestamps_s: Float64Array, size: tuple[int, int]
) -> Iterator[tuple[int, UInt8Array, Float32Array, NDArray[np.bool_]]]:
    """Index, image, depth and moving pixels of each frame, drawn a few at a time."""
    for first in range(0, len(timestamps_s), _FRAMES_AT_ONCE):
        clips = render([scene], timestamps_s[None, first : first + _FRAMES_AT_ONCE], size)
        maps = (clips.images[0].numpy(), clips.depth[0].numpy(), clips.moving[0].numpy())
        for offset, (image, depth, moving) in enumerate(zip(*maps, strict=True)):
            yield first + offset, image, depth, moving


def _grid(seed: int, size: tuple[int, int]) -> Float64Array:
    """(N, 2): a pixel (u, v) at random in each cell of a grid over the picture."""
    columns, rows = TRACKS
    u, v = np.meshgrid(np.arange(columns), np.arange(rows))
    cells = np.stack([u, v], -1).reshape(-1, 2)
    places = (cells + np.random.default_rng([seed, 3]).uniform(size=cells.shape)) / TRACKS
    return np.floor(places * size)


def _write_poses(folder: Path, scene: SyntheticScene, end_s: float) -> None:
    times_s = np.arange(int(end_s * TUM_POSE_RATE) + 2) / TUM_POSE_RATE + _POSE_DELAY_S
    # One before the first picture, too.
    times_s = np.concatenate([times_s[:1] - 1 / TUM_POSE_RATE, times_s])
    T_world_camera = invert_rigid(scene.T_camera_world(times_s))
    values = np.column_stack(
        [T_world_camera[..., 3], quat_xyzw_from_matrix(T_world_camera[..., :3])]
    )
    rows = [
        " ".join([_stamp(time), *(f"{value:.7f}" for value in row)])
        for time, row in zip(times_s, values, strict=True)
    ]
    columns = "timestamp tx ty tz qx qy qz qw"
    _write_list(folder, "groundtruth", "ground truth trajectory", rows, columns)


def _write_list(
    folder: Path, name: str, title: str, rows: list[str], columns: str = "timestamp filename"
) -> None:
    path = folder / f"{name}.txt"
    with writing(path):
        lines = [f"# {title}", "# made by page4d synth", f"# {columns}", *rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _stamp(time_s: float) -> str:
    return f"{TUM_EPOCH_S + time_s:.6f}"


def _write_jpeg(path: Path, pixels: UInt8Array) -> None:
    with writing(path):
        Image.fromarray(pixels).save(path, format="JPEG", quality=90, subsampling=0)


def _make(folder: Path) -> None:
    with writing(folder):
        folder.mkdir()
