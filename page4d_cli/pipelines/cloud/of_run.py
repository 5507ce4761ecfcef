"""The cloud of an export: chosen, filtered, thinned out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart, Save
from page4d_cli.core.errors import InputError, NothingLeftError
from page4d_cli.core.wording import count_noun
from page4d_cli.io.formats.point_filter import statistical_inliers
from page4d_cli.pipelines.cloud.choose import (
    CONFIDENCE_PERCENTILE,
    MAX_POINTS,
    Cloud,
    choose_cloud,
    one_per_voxel,
    thin_cloud,
)
from page4d_cli.pipelines.stored_run.clip import RunClip

_CANDIDATES = 4 * MAX_POINTS
"""Points, evenly chosen, that the filters look at: they take minutes for more."""
_AND_OF_PART = {
    None: "",
    MotionPart.STATIC: " and of what stands still",
    MotionPart.MOVING: " and of what moves",
}


@dataclass(frozen=True)
class CloudOptions:
    """Which points are kept.

    Raises:
        InputError: a number is out of range.
    """

    min_confidence_percentile: float | None = None
    """Least percentile of the clip's confidence; None: 30 where the run has confidence, else 0."""
    voxel: float | None = None
    """Edge of the cubes that keep one point each, in the run's unit."""
    outliers: float | None = None
    """Standard deviations beyond which a lonely point is dropped."""
    max_points: int | None = None
    """None: what each format takes well."""

    def __post_init__(self) -> None:
        percentile = self.min_confidence_percentile
        if percentile is not None and not 0 <= percentile <= 100:
            raise InputError(f"--min-conf-percentile {percentile:g}: give a number from 0 to 100")
        for name, value in (("voxel", self.voxel), ("outliers", self.outliers)):
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"--{name} {value:g}: give a number above 0")
        if self.max_points is not None and self.max_points < 1:
            raise InputError(f"--max-points {self.max_points}: give a number from 1")

    @property
    def given(self) -> list[str]:
        """The options of the command line that were given."""
        values = {
            "--min-conf-percentile": self.min_confidence_percentile,
            "--voxel": self.voxel,
            "--outliers": self.outliers,
            "--max-points": self.max_points,
        }
        return [name for name, value in values.items() if value is not None]


def cloud_of_clip(
    clip: RunClip,
    options: CloudOptions,
    *,
    max_points: int = MAX_POINTS,
    keep: Sequence[NDArray[np.bool_]] | None = None,
    part: MotionPart | None = None,
) -> Cloud:
    """Choose the points of a clip.

    Args:
        clip: with cameras, depth, confidence and pictures.
        options: the filters.
        max_points: where the options name no number.
        keep: S masks (H, W) of the pixels that may be taken.
        part: which of the scene these are, for the message.

    Raises:
        InputError: a confidence is asked for that the run does not have.
        NothingLeftError: no point passes; the message counts where they were lost.
    """
    max_points = options.max_points or max_points
    has_filters = options.voxel is not None or options.outliers is not None
    percentile = _percentile(clip, options)
    cloud = choose_cloud(
        clip,
        clip.depth,
        clip.confidence,
        clip.extrinsics,
        clip.intrinsics,
        max_points=max(max_points, _CANDIDATES) if has_filters else max_points,
        confidence_percentile=percentile,
        keep=keep,
    )
    _require_points(
        cloud,
        clip,
        f"at confidence ≥ {cloud.confidence_threshold:.4g} "
        f"(percentile {percentile:g}){_AND_OF_PART[part]}",
    )
    if options.voxel is not None:
        cloud = one_per_voxel(cloud, options.voxel)
    if options.outliers is not None:
        cloud = cloud.take(statistical_inliers(cloud.points, options.outliers))
        _require_points(cloud, clip, f"within {options.outliers:g} deviations of its neighbours")
    return thin_cloud(cloud, max_points)


def _percentile(clip: RunClip, options: CloudOptions) -> float:
    percentile = options.min_confidence_percentile
    if Save.CONFIDENCE in clip.run.manifest.saved:
        return CONFIDENCE_PERCENTILE if percentile is None else percentile
    if percentile:
        raise InputError(
            f"--min-conf-percentile {percentile:g}: {clip.run.directory} has no confidence; "
            "`page4d infer --save confidence` writes it"
        )
    return 0.0


def _require_points(cloud: Cloud, clip: RunClip, condition: str) -> None:
    if len(cloud.points):
        return
    pixels = sum(map_.size for map_ in clip.depth)
    raise NothingLeftError(
        f"no point is left: of {pixels} pixels in {count_noun(len(clip), 'frame')} "
        f"{cloud.candidates} "
        f"have a usable depth and camera, 0 of them are {condition}; nothing was written"
    )
