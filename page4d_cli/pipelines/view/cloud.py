"""The points that viewers show: as many of what moves as of what stands still."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart, Save
from page4d_cli.core.types import Float32Array
from page4d_cli.pipelines.cloud.choose import Cloud, choose_cloud
from page4d_cli.pipelines.cloud.of_run import CloudOptions, cloud_of_clip
from page4d_cli.pipelines.motion.motion import keep_mask
from page4d_cli.pipelines.stored_run.clip import RunClip


def choose_view_cloud(
    clip: RunClip, motion: Sequence[Float32Array], part: MotionPart | None, max_points: int
) -> Cloud:
    """Choose points of every confidence, since viewers let the person choose among them.

    What stands still is seen again in every frame, what moves is shown in its own only. So half of
    the points may be of what moves, however few its pixels are.

    Args:
        clip: with cameras, depth, confidence and pictures.
        motion: S scores (H, W), or none.
        part: of the scene; None: both. Needs motion.
        max_points: above this an even random choice (always the same) is made.

    Raises:
        NothingLeftError: no point is left; the message counts where they were lost.
    """
    options = CloudOptions(0.0 if Save.CONFIDENCE in clip.run.manifest.saved else None)
    masks = {each: [keep_mask(score, each) for score in motion] for each in MotionPart}
    if part is not None:
        return cloud_of_clip(clip, options, max_points=max_points, keep=masks[part], part=part)
    if any(mask.any() for mask in masks[MotionPart.MOVING]):
        static_pixels = sum(int(mask.sum()) for mask in masks[MotionPart.STATIC])
        share = max(max_points // 2, max_points - static_pixels)
        moving = _choose(clip, masks[MotionPart.MOVING], share)
        static = _choose(clip, masks[MotionPart.STATIC], max_points - len(moving.points))
        if len(moving.points) and len(static.points):
            return _joined(moving, static)
    return cloud_of_clip(clip, options, max_points=max_points)


def _choose(clip: RunClip, keep: Sequence[NDArray[np.bool_]], max_points: int) -> Cloud:
    return choose_cloud(
        clip,
        clip.depth,
        clip.confidence,
        clip.extrinsics,
        clip.intrinsics,
        max_points=max_points,
        confidence_percentile=0,
        keep=keep,
    )


def _joined(first: Cloud, second: Cloud) -> Cloud:
    """Points of both, which are of one clip, frame by frame."""
    frames = np.concatenate([first.frame_indices, second.frame_indices])
    order = np.argsort(frames, kind="stable")
    together = {
        field.name: np.concatenate([of_first, getattr(second, field.name)])[order]
        for field in fields(Cloud)
        if isinstance(of_first := getattr(first, field.name), np.ndarray)
    }
    return Cloud(
        **together,
        candidates=first.candidates,
        confidence_threshold=first.confidence_threshold,
    )
