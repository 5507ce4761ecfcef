"""A COLMAP model of a run: its cameras, and points with the source pixels that show them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import NothingLeftError
from page4d_cli.core.wording import count_noun
from page4d_cli.io.formats.colmap import ColmapModel, share_cameras
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
    sizes = np.array([info.transform.source_size for info in clip.infos], np.int64)
    camera_sizes, parameters, camera_of_image = share_cameras(sizes, clip.intrinsics_source)
    xy = np.empty_like(observations.pixels)
    for index, info in enumerate(clip.infos):
        mine = observations.frame == index
        xy[mine] = info.transform.to_source(observations.pixels[mine]) + 0.5
    return ColmapModel(
        sizes=camera_sizes,
        parameters=parameters,
        camera_of_image=camera_of_image,
        names=names,
        T_camera_world=clip.extrinsics,
        points=cloud.points.astype(np.float64),
        colors=cloud.colors,
        errors_px=np.zeros(len(cloud.points)),
        image_of_observation=observations.frame,
        point_of_observation=observations.point,
        xy=xy,
    )


def _of_lonely_frames(
    observations: Observations, kept: NDArray[np.bool_], cloud: Cloud, frames: int
) -> NDArray[np.bool_]:
    """(N,) the points that were seen first in frames which show none of those that are kept."""
    shown = np.bincount(observations.frame[kept[observations.point]], minlength=frames)
    return np.asarray(shown[cloud.frame_indices] == 0)
