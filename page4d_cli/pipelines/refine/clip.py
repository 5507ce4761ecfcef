"""What a run gives to its refinement: cameras of the sources, features, and what moves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import FramesError
from page4d_cli.core.progress import Progress
from page4d_cli.core.reproject import sample_depth
from page4d_cli.core.types import Float32Array, Float64Array, FrameInfo, PixelTransform
from page4d_cli.io.run.stored_maps import StoredMaps
from page4d_cli.pipelines.motion.motion import ComputedMotion, keep_mask, motion_of
from page4d_cli.pipelines.stored_run.clip import RunClip
from page4d_cli.pipelines.stored_run.pictures import source_pictures
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.depth import LogScale
from page4d_cli.refine.features import Features, find_features
from page4d_cli.refine.refine import Refined

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

    Its focal length is the one that was given, or the median of theirs; pixels are square then
    unless the source's are not.
    """
    sizes = np.array([info.transform.source_size for info in clip.infos])
    kinds, camera_of_frame = np.unique(sizes, axis=0, return_inverse=True)
    camera_of_frame = camera_of_frame.reshape(-1)
    in_source = clip.intrinsics_source
    intrinsics = []
    for kind in range(len(kinds)):
        mine = np.flatnonzero(camera_of_frame == kind)
        found = in_source[mine]
        given = clip.run.manifest.focal_px
        focal = given or _typical_focal_px(found, _pixel_aspect(clip.infos[mine[0]]))
        k = np.diag([*focal, 1.0])
        k[:2, 2] = np.median(found[:, :2, 2], axis=0)
        intrinsics.append(k)
    k1 = np.zeros(len(kinds))
    return Cameras(clip.extrinsics, np.stack(intrinsics), camera_of_frame, k1)


def _typical_focal_px(intrinsics: Float64Array, aspect: float) -> tuple[float, float]:
    """(fx, fy), the median of some (K, 3, 3)."""
    focal = float(np.median(np.sqrt(intrinsics[:, 0, 0] * intrinsics[:, 1, 1] / aspect)))
    return focal, focal * aspect


def _pixel_aspect(info: FrameInfo) -> float:
    """Width over height of the source's pixels."""
    x, y = info.transform.scale
    return 1.0 if 1 / _SQUARE < x / y < _SQUARE else x / y


def features_of(clip: RunClip, progress: Progress | None) -> list[Features]:
    """Find the features of every frame, with their depth.

    Raises:
        FramesError: a source picture is gone, or cannot be read.
    """
    found = []
    for place, picture in enumerate(source_pictures(clip.run, clip.indices)):
        features = find_features(picture)
        found.append(features.with_depth(_depth_at(clip, place, features.pixels)))
        if progress is not None:
            progress("features", place + 1, len(clip))
    return found


def still(features: Sequence[Features], is_still: IsStill) -> list[Features]:
    """Those of each frame on what stands still."""
    return [each.take(is_still(place, each.pixels)) for place, each in enumerate(features)]


def _depth_at(clip: RunClip, place: int, pixels: Float64Array) -> Float64Array:
    in_map = clip.infos[place].transform.to_network(pixels)
    sampled = sample_depth(clip.posed_depth(place).depth, in_map)
    with np.errstate(invalid="ignore"):
        is_smooth = sampled.farthest <= _EDGE_RATIO * sampled.nearest
    return np.where(is_smooth, sampled.between, np.nan)


def still_by_motion(clip: RunClip, refined: Refined | None = None) -> IsStill:
    """As `page4d motion` tells it, by the cameras of the run or by refined ones.

    Raises:
        RunError: there is one frame only, or a file of the run is damaged.
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
    """
    known = motion_of(clip.run) if refined is None else ComputedMotion(refined_clip(clip, refined))

    def is_still(place: int, pixels: Float64Array) -> NDArray[np.bool_]:
        kept = keep_mask(known.score(clip.indices[place]), MotionPart.STATIC)
        in_map = clip.infos[place].transform.to_network(pixels)
        return _read(kept, in_map)

    return is_still


def refined_clip(clip: RunClip, refined: Refined) -> RunClip:
    """The clip with refined cameras, and the depth that follows, made whenever it is asked for."""
    intrinsics = [
        info.transform.intrinsics_to_network(k)
        for info, k in zip(clip.infos, refined.cameras.of_frames, strict=True)
    ]

    def depth(place: int) -> Float32Array:
        map_, transform = clip.depth[place], clip.infos[place].transform
        factor = depth_factor(refined.depth[place], transform, map_.shape)
        return np.asarray(map_ * factor, np.float32)

    return replace(
        clip,
        extrinsics=refined.cameras.T_camera_world,
        intrinsics=np.stack(intrinsics),
        depth=StoredMaps(range(len(clip)), depth),
    )


def depth_factor(
    scale: LogScale, transform: PixelTransform, shape: tuple[int, ...]
) -> Float64Array:
    """(H, W) what the depth of a map's pixels is multiplied by."""
    return np.exp(scale.at(pixels_in_source(transform, shape), np.array(transform.source_size)))


def pixels_in_source(transform: PixelTransform, shape: tuple[int, ...]) -> Float64Array:
    """(H, W, 2) where the pixels of a map lie in the source."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return transform.to_source(np.stack([columns, rows], axis=-1).astype(np.float64))


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
