"""Pictures of a sequence by which a person sees what no check does."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import camera_points_from_depth, valid_depth, world_points_from_depth
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence
from page4d_cli.draw.color_scale import depth_scale
from page4d_cli.draw.colormaps import robust_range
from page4d_cli.draw.tracks import draw_dots, draw_matches
from page4d_cli.io.formats.ply import write_ply
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.formats.video import write_video
from page4d_cli.io.whole.writing import writing

_RATE = 10.0
_FEW = 8


def write_pictures(folder: Path, sequence: RecordedSequence, frames: tuple[int, ...]) -> None:
    """Write point clouds, a depth map and, where the data set has them, tracks.

    Files: `{first,middle,last}_{world,camera}.ply`, `first_depth.png`, `tracks.mp4`, and
    `tracks_first_last.png`, whose second frame is the last one that shows points of the first.

    Args:
        folder: made; its parent exists.
        sequence: what to draw.
        frames: indices of those that can be read and drawn, at least one.

    Raises:
        DatasetError: a file became unreadable.
        FramesError: a picture became unreadable.
        WriteError: the disk is full, or the like.
    """
    with writing(folder):
        folder.mkdir()
    chosen = (frames[0], frames[len(frames) // 2], frames[-1])
    for name, index in zip(("first", "middle", "last"), chosen, strict=True):
        _write_clouds(folder, name, sequence, index)
    if sequence.read_depth is not None:
        depth = valid_depth(sequence.read_depth(frames[0]))
        write_png(folder / "first_depth.png", depth_scale(*robust_range([depth])).paint(depth))
    if sequence.read_tracks is not None:
        tracks = sequence.read_tracks(frames)
        last = _last_shared(tracks)
        matches = draw_matches(
            sequence.read_image(frames[0]),
            sequence.read_image(frames[last]),
            _visible(tracks, 0),
            _visible(tracks, last),
            np.zeros(tracks.visible.shape[1], np.bool_) if tracks.moving is None else tracks.moving,
        )
        write_png(folder / "tracks_first_last.png", matches)
        dots = _dotted(sequence, tracks, frames)
        write_video(folder / "tracks.mp4", dots, _RATE)


def _write_clouds(folder: Path, name: str, sequence: RecordedSequence, index: int) -> None:
    intrinsics, poses = sequence.intrinsics_of(index), sequence.T_camera_world
    if sequence.read_depth is None or intrinsics is None:
        return
    image, depth = sequence.read_image(index), sequence.read_depth(index)
    if depth.shape != image.shape[:2]:
        return
    clouds = {"camera": camera_points_from_depth(depth, intrinsics)}
    if poses is not None:
        clouds["world"] = world_points_from_depth(depth, intrinsics, poses[index])
    for frame, points in clouds.items():
        drawn = (depth > 0) & np.isfinite(points).all(-1)
        about = f"frame {index}, points in the {frame} frame; units of the data set"
        path = folder / f"{name}_{frame}.ply"
        write_ply(path, points[drawn].astype(np.float32), image[drawn], about)


def _last_shared(tracks: PointTracks) -> int:
    """Row of the last frame that shows a few points of the first."""
    shared = (tracks.visible & tracks.visible[0]).sum(-1)
    return int(np.flatnonzero(shared >= min(_FEW, shared[0]))[-1])


def _dotted(
    sequence: RecordedSequence, tracks: PointTracks, frames: tuple[int, ...]
) -> Iterator[UInt8Array]:
    count = tracks.visible.shape[1]
    hues = np.arange(count) / max(1, count)
    for row, index in enumerate(frames):
        yield draw_dots(sequence.read_image(index), _visible(tracks, row), hues)


def _visible(tracks: PointTracks, row: int) -> Float32Array:
    """(N, 2) pixels of the points in a frame; NaN where it does not show them."""
    seen = np.where(tracks.visible[row][:, None], tracks.pixels[row], np.nan)
    return seen.astype(np.float32)
