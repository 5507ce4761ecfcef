"""What a run gives to its refinement: cameras of the sources, features, and what moves."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import FramesError
from page4d_cli.core.progress import Progress
from page4d_cli.core.reproject import sample_depth
from page4d_cli.core.types import Float64Array, FrameInfo
from page4d_cli.pipelines.motion.motion import keep_mask, motion_of
from page4d_cli.pipelines.stored_run.clip import RunClip
from page4d_cli.pipelines.stored_run.pictures import source_pictures
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.features import Features, find_features

_SQUARE = 1.04
"""Network pixels over source pixels differ by less between the axes where the source's pixels are
square: sides are rounded to multiples of a patch."""
_EDGE_RATIO = 1.1
"""Depths of four neighbours further apart than this lie on an edge, and mean nothing."""
_MOVING = 128
IsStill = Callable[[int, Float64Array], NDArray[np.bool_]]
"""Of a place in the clip, and pixels (N, 2) of its source: (N,) whether they show what stands."""


def cameras_of(clip: RunClip) -> Cameras:
    """The clip's cameras, in pixels of the sources: frames of one size are taken with one camera.

    Its focal length is the median of theirs, its pixels are square unless the source's are not.
    """
    sizes = np.array([info.transform.source_size for info in clip.infos])
    kinds, camera_of_frame = np.unique(sizes, axis=0, return_inverse=True)
    camera_of_frame = camera_of_frame.reshape(-1)
    in_source = clip.intrinsics_source
    intrinsics = []
    for kind in range(len(kinds)):
        mine = np.flatnonzero(camera_of_frame == kind)
        aspect = _pixel_aspect(clip.infos[mine[0]])
        found = in_source[mine]
        focal = float(np.median(np.sqrt(found[:, 0, 0] * found[:, 1, 1] / aspect)))
        k = np.diag([focal, focal * aspect, 1.0])
        k[:2, 2] = np.median(found[:, :2, 2], axis=0)
        intrinsics.append(k)
    return Cameras(clip.extrinsics, np.stack(intrinsics), camera_of_frame)


def _pixel_aspect(info: FrameInfo) -> float:
    """Width over height of the source's pixels."""
    x, y = info.transform.scale
    return 1.0 if 1 / _SQUARE < x / y < _SQUARE else x / y


def features_of(clip: RunClip, is_still: IsStill, progress: Progress | None) -> list[Features]:
    """Find the features of every frame on what stands still, with their depth.

    Raises:
        FramesError: a source picture is gone, or cannot be read.
    """
    found = []
    for place, picture in enumerate(source_pictures(clip.run, clip.indices)):
        features = find_features(picture)
        features = features.take(is_still(place, features.pixels))
        found.append(features.with_depth(_depth_at(clip, place, features.pixels)))
        if progress is not None:
            progress("features", place + 1, len(clip))
    return found


def _depth_at(clip: RunClip, place: int, pixels: Float64Array) -> Float64Array:
    in_map = clip.infos[place].transform.to_network(pixels)
    sampled = sample_depth(clip.posed_depth(place).depth, in_map)
    with np.errstate(invalid="ignore"):
        is_smooth = sampled.farthest <= _EDGE_RATIO * sampled.nearest
    return np.where(is_smooth, sampled.between, np.nan)


def still_by_motion(clip: RunClip) -> IsStill:
    """As `page4d motion` tells it.

    Raises:
        RunError: depth or cameras were not saved, or there is one frame only.
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
    """
    motion = motion_of(clip.run)

    def is_still(place: int, pixels: Float64Array) -> NDArray[np.bool_]:
        kept = keep_mask(motion.score(clip.indices[place]), MotionPart.STATIC)
        in_map = clip.infos[place].transform.to_network(pixels)
        return _read(kept, in_map)

    return is_still


def still_by_masks(clip: RunClip, folder: Path) -> IsStill:
    """As pictures say, `STEM.png` for each frame, of any size: bright is what moves.

    Raises:
        FramesError: the folder or one of them is absent.
    """
    paths = [folder / f"{info.stem}.png" for info in clip.infos]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FramesError(
            f"--masks: {missing[0]} is missing; give a folder with a picture of each frame's name, "
            "in which bright is what moves"
        )

    def is_still(place: int, pixels: Float64Array) -> NDArray[np.bool_]:
        try:
            with Image.open(paths[place]) as picture:
                kept = np.asarray(picture.convert("L")) < _MOVING
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise FramesError(f"--masks: {paths[place]} is damaged, or no picture") from error
        size = np.array(clip.infos[place].transform.source_size)
        return _read(kept, (pixels + 0.5) * kept.shape[::-1] / size - 0.5)

    return is_still


def _read(map_: NDArray[np.bool_], pixels: Float64Array) -> NDArray[np.bool_]:
    """Values (N,) of the nearest pixels."""
    columns, rows = pixels.round().astype(np.intp).T
    height, width = map_.shape
    return np.asarray(map_[rows.clip(0, height - 1), columns.clip(0, width - 1)])


def sizes_of(infos: Sequence[FrameInfo]) -> NDArray[np.int64]:
    """(S, 2) width and height of the source pictures."""
    return np.array([info.transform.source_size for info in infos], np.int64)
