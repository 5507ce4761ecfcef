"""A COLMAP model of a run: its cameras, and points with the source pixels that show them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import NothingLeftError
from page4d_cli.core.wording import count_noun
from page4d_cli.io.formats.colmap import ColmapModel, share_cameras
from page4d_cli.io.run.tracks import RunTracks
from page4d_cli.pipelines.cloud.choose import Cloud
from page4d_cli.pipelines.cloud.observations import (
    DEPTH_TOLERANCE,
    Observations,
    observe,
    restrict,
    seen_in_enough,
)
from page4d_cli.pipelines.stored_run.clip import RunClip


def colmap_model(
    clip: RunClip,
    cloud: Cloud,
    names: tuple[str, ...],
    *,
    keep: Sequence[NDArray[np.bool_]] | None = None,
) -> ColmapModel:
    """Join cameras and cloud by the frames in which each point is seen.

    Points that only one of several frames shows are left out: they tell a bundle adjuster nothing,
    and most of what moves is among them. A frame that would then show nothing keeps its own: some
    readers take no picture without points.

    Args:
        clip: with cameras and depth.
        cloud: of this clip.
        names: S names of the image files.
        keep: S masks (H, W); pixels outside of them show nothing.

    Raises:
        NothingLeftError: no point is left.
    """
    observations = observe(clip, cloud, keep)
    kept = seen_in_enough(observations, len(cloud.points), min(2, len(clip)))
    if not kept.any():
        raise NothingLeftError(
            f"colmap: of {count_noun(len(cloud.points), 'point')} none is seen in a second one of "
            f"{count_noun(len(clip), 'frame')} (their depths differ by more than "
            f"{DEPTH_TOLERANCE:.0%}); nothing was written"
        )
    kept |= _of_lonely_frames(observations, kept, cloud, len(clip))
    cloud, observations = cloud.take(np.flatnonzero(kept)), restrict(observations, kept)
    xy = np.empty_like(observations.pixels)
    for index, info in enumerate(clip.infos):
        mine = observations.frame == index
        xy[mine] = info.transform.to_source(observations.pixels[mine]) + 0.5
    return _model(
        clip,
        names,
        RunTracks(
            cloud.points.astype(np.float64),
            cloud.colors,
            np.zeros(len(cloud.points)),
            observations.point,
            observations.frame,
            xy,
        ),
    )


def refined_model(
    clip: RunClip, tracks: RunTracks, names: tuple[str, ...], max_points: int
) -> ColmapModel:
    """A refined run as it is: points, and where they were truly seen.

    Args:
        clip: with cameras.
        tracks: of the whole run.
        names: S names of the image files.
        max_points: those that most images show are kept.

    Raises:
        NothingLeftError: the clip's frames share no point.
    """
    place = np.full(len(clip.run.manifest.frames), -1)
    place[list(clip.indices)] = np.arange(len(clip))
    frame = place[tracks.frame]
    views = np.bincount(tracks.point[frame >= 0], minlength=len(tracks.points))
    longest = np.argsort(-views, kind="stable")[:max_points]
    chosen = np.sort(longest[views[longest] >= min(2, len(clip))])
    if not len(chosen):
        raise NothingLeftError(
            f"colmap: {count_noun(len(clip), 'frame')} share none of the run's "
            f"{count_noun(len(tracks.points), 'refined point')}; choose other --frames"
        )
    number = np.full(len(tracks.points), -1)
    number[chosen] = np.arange(len(chosen))
    kept = np.flatnonzero((frame >= 0) & (number[tracks.point] >= 0))
    kept = kept[np.argsort(frame[kept], kind="stable")]  # by image, then by point
    return _model(
        clip,
        names,
        RunTracks(
            clip.length_factor * tracks.points[chosen],
            tracks.colors[chosen],
            tracks.errors_px[chosen],
            number[tracks.point[kept]],
            frame[kept],
            tracks.pixels[kept] + 0.5,
        ),
    )


def _model(clip: RunClip, names: tuple[str, ...], seen: RunTracks) -> ColmapModel:
    """Of sightings sorted by place in the clip, then by point; pixel centres at .5."""
    sizes = np.array([info.transform.source_size for info in clip.infos], np.int64)
    k1 = np.array([clip.run.manifest.k1.get(info.stem, 0.0) for info in clip.infos])
    camera_sizes, parameters, camera_of_image = share_cameras(sizes, clip.intrinsics_source, k1)
    return ColmapModel(
        sizes=camera_sizes,
        parameters=parameters,
        camera_of_image=camera_of_image,
        names=names,
        T_camera_world=clip.extrinsics,
        points=seen.points,
        colors=seen.colors,
        errors_px=seen.errors_px,
        image_of_observation=seen.frame,
        point_of_observation=seen.point,
        xy=seen.pixels,
    )


def _of_lonely_frames(
    observations: Observations, kept: NDArray[np.bool_], cloud: Cloud, frames: int
) -> NDArray[np.bool_]:
    """(N,) the points that were seen first in frames which show none of those that are kept."""
    shown = np.bincount(observations.frame[kept[observations.point]], minlength=frames)
    return np.asarray(shown[cloud.frame_indices] == 0)
