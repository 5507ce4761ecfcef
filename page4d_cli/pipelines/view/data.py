"""What the viewers show of a run: points with confidence and motion, cameras, small pictures."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.enums import MotionPart, Save
from page4d_cli.core.errors import InputError, NothingLeftError, RunError
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.draw.color_scale import ColorScale, depth_scale
from page4d_cli.draw.colormaps import robust_range
from page4d_cli.io.formats.video import playback_rate
from page4d_cli.io.formats.view_scene import LEVELS, ViewCamera, ViewScene
from page4d_cli.io.run.directory import Run
from page4d_cli.pipelines.cloud.choose import Cloud
from page4d_cli.pipelines.motion.motion import motion_of
from page4d_cli.pipelines.stored_run.clip import RunClip, read_run_clip
from page4d_cli.pipelines.view.cloud import choose_view_cloud

MAX_POINTS = 300_000
_NEEDED = (Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE)
_LARGEST_PICTURE = 256
_SMALLEST_PICTURE = 64
_PICTURES_AT_FULL_SIZE = 60


@dataclass(frozen=True)
class ViewOptions:
    """What is shown.

    Raises:
        InputError: a number is out of range.
    """

    frames: slice = field(default_factory=lambda: slice(None))
    """Which of the run's frames to show."""
    part: MotionPart | None = None
    """Only what stands still or only what moves; None: both."""
    max_points: int | None = None
    """Most points of all frames together; None: `MAX_POINTS`."""

    def __post_init__(self) -> None:
        if self.max_points is not None and self.max_points < 1:
            raise InputError(f"--max-points {self.max_points}: give a number from 1")


def view_scene(run: Run, options: ViewOptions, *, progress: Progress | None = None) -> ViewScene:
    """Gather what a viewer shows.

    Args:
        run: with depth and cameras.
        options: what is shown.
        progress: told about every frame.

    Raises:
        RunError: a file of the run is missing or damaged, or a part is asked for and there is one
            frame only.
        NothingLeftError: no frame or no point is left; the message counts where they were lost.
    """
    clip = read_run_clip(run, options.frames, _NEEDED, with_pictures=True)
    motion, notes = _scores(clip, options.part, progress)
    cloud = choose_view_cloud(clip, motion, options.part, options.max_points or MAX_POINTS)
    both = zip(clip.infos, clip.depth, strict=True)
    near, far = robust_range(info.transform.crop(map_) for info, map_ in both)
    scale = depth_scale(near, far)
    starts = cloud.starts(len(clip))
    return ViewScene(
        title=run.directory.absolute().name,
        cameras=tuple(
            _camera(clip, index, scale, motion[index] if motion else None)
            for index in range(len(clip))
        ),
        starts=starts,
        points=cloud.points,
        pixels=_columns_and_rows(clip, cloud, starts),
        depth=cloud.read(clip.depth),
        colors=cloud.colors,
        confidence=_ranks(cloud.confidence),
        motion=_levels(cloud.read(motion)) if motion else np.zeros(len(cloud.points), np.uint8),
        frames_per_second=playback_rate(clip.infos, run.manifest.timestamp_source),
        depth_range=(scale.left, scale.right),
        notes=clip.notes + notes,
        segments=_segments(clip),
        unit=clip.unit,
    )


def split_points(
    scene: ViewScene, among: slice, confidence: float, motion: float
) -> dict[MotionPart, NDArray[np.intp]]:
    """Static and moving points, as far as the network is sure enough of them.

    Args:
        scene: what is shown.
        among: which of its points to look at.
        confidence: share of the scene's points that are too unsure.
        motion: score from which a point counts as moving.

    Returns:
        Indices of those of each part, ascending.
    """
    first = among.indices(len(scene.points))[0]
    sure = scene.confidence[among] >= confidence * LEVELS
    moving = scene.motion[among] >= motion * LEVELS
    return {
        MotionPart.STATIC: first + np.flatnonzero(sure & ~moving),
        MotionPart.MOVING: first + np.flatnonzero(sure & moving),
    }


def _scores(
    clip: RunClip, part: MotionPart | None, progress: Progress | None
) -> tuple[list[Float32Array], tuple[str, ...]]:
    """Motion (H, W) of each frame; none, and a note, where it cannot be told and nobody asks."""
    if part is None and len(clip.run.manifest.frames) == 1:
        return [], ("the run has one frame, so what moves is not told apart",)
    try:
        motion = motion_of(clip.run)
    except (RunError, NothingLeftError) as error:
        if part is not None:
            raise
        return [], (f"what moves is not known: {error}",)
    scores = []
    for done, index in enumerate(clip.indices):
        scores.append(motion.score(index))
        if progress is not None:
            progress("motion", done + 1, len(clip))
    return scores, ()


def _columns_and_rows(clip: RunClip, cloud: Cloud, starts: NDArray[np.int64]) -> NDArray[np.uint16]:
    """(N, 2) u, v."""
    widths = np.repeat([map_.shape[1] for map_ in clip.depth], np.diff(starts))
    return np.stack([cloud.pixels % widths, cloud.pixels // widths], axis=-1).astype(np.uint16)


def _ranks(confidence: Float32Array) -> UInt8Array:
    """Share (N,) of the points that are not surer: its own scale means nothing."""
    not_surer = np.searchsorted(np.sort(confidence), confidence, side="right")
    return _levels(not_surer / len(confidence))


def _levels(shares: NDArray[np.floating]) -> UInt8Array:
    return np.asarray(np.rint(shares * LEVELS), np.uint8)


def _segments(clip: RunClip) -> tuple[tuple[int, int], ...]:
    """Ranges of the clip's frames that are in one of the run's worlds."""
    numbers = [clip.world_of(place) for place in range(len(clip))]
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    return tuple(pairwise(bounds))


def _camera(
    clip: RunClip, index: int, scale: ColorScale, motion: Float32Array | None
) -> ViewCamera:
    info = clip.infos[index]
    side = _picture_side(len(clip))
    return ViewCamera(
        info.label(clip.run.manifest.timestamp_source),
        clip.extrinsics[index],
        clip.intrinsics[index],
        info.transform.content,
        _shrunk(info.transform.crop(clip.images[index]), side),
        _shrunk(scale.paint(info.transform.crop(clip.depth[index])), side),
        None if motion is None else _shrunk(_levels(info.transform.crop(motion)), side),
    )


def _picture_side(count: int) -> int:
    """Of so many frames; the pixels of all of them together stay bounded."""
    side = round(_LARGEST_PICTURE * sqrt(_PICTURES_AT_FULL_SIZE / count))
    return min(_LARGEST_PICTURE, max(_SMALLEST_PICTURE, side))


def _shrunk(picture: UInt8Array, side: int) -> UInt8Array:
    """At most `side` pixels wide and high."""
    small = Image.fromarray(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)
