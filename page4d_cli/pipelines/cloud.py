"""Choose the points of a clip's coloured cloud."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.core.types import Float32Array, Frames, UInt8Array

CONFIDENCE_PERCENTILE = 30.0
"""Pixels below this percentile of the clip's confidence are left out. Its scale means nothing: an
absolute threshold would give an empty cloud for one clip and noise for another."""
MAX_POINTS = 1_000_000
SAMPLES_FOR_THRESHOLD = 2_000_000


@dataclass(frozen=True)
class Cloud:
    """A coloured cloud in the world of the clip, and how it was chosen."""

    points: Float32Array
    """(N, 3)."""
    colors: UInt8Array
    """(N, 3)."""
    candidates: int
    """Pixels with a usable depth and camera."""
    confidence_threshold: float


def choose_cloud(
    frames: Frames,
    depth: Sequence[Float32Array],
    confidence: Sequence[Float32Array],
    extrinsics: Float32Array,
    intrinsics: Float32Array,
    *,
    max_points: int = MAX_POINTS,
) -> Cloud:
    """Unproject the pixels that the network is surest of.

    Args:
        frames: S of them; padding is left out.
        depth: S maps (H, W).
        confidence: S maps (H, W).
        extrinsics: (S, 3, 4) T_camera_world.
        intrinsics: (S, 3, 3) in pixels of the maps.
        max_points: above this an even random choice (always the same) is made.
    """
    usable = [
        _usable(frames, index, depth[index], confidence[index])
        if np.isfinite(extrinsics[index]).all() and has_usable_focal_length(intrinsics[index])
        else np.zeros(depth[index].shape, bool)
        for index in range(len(frames))
    ]
    threshold = _threshold(confidence, usable)
    kept = [mask & (c >= threshold) for mask, c in zip(usable, confidence, strict=True)]
    total = sum(int(mask.sum()) for mask in kept)
    share = min(1.0, max_points / max(total, 1))
    rng = np.random.default_rng(0)
    points = [np.empty((0, 3), np.float32)]
    colors = [np.empty((0, 3), np.uint8)]
    for index, mask in enumerate(kept):
        pixels = np.flatnonzero(mask)
        pixels = rng.choice(pixels, int(len(pixels) * share), replace=False, shuffle=False)
        if not len(pixels):
            continue
        usable_depth = np.where(mask, depth[index], 0).astype(np.float64)
        world = world_points_from_depth(usable_depth, intrinsics[index], extrinsics[index])
        points.append(world.reshape(-1, 3)[pixels].astype(np.float32))
        colors.append(frames.images[index].reshape(-1, 3)[pixels])
    return Cloud(
        np.concatenate(points),
        np.concatenate(colors),
        candidates=sum(int(mask.sum()) for mask in usable),
        confidence_threshold=threshold,
    )


def has_usable_focal_length(intrinsics: Float32Array) -> bool:
    """Whether K (3, 3) is a camera: a field of view of 0 or beyond π gives none."""
    return bool(np.isfinite(intrinsics).all() and (np.diagonal(intrinsics) > 0).all())


def _usable(
    frames: Frames, index: int, depth: Float32Array, confidence: Float32Array
) -> NDArray[np.bool_]:
    left, top, right, bottom = frames.infos[index].transform.content
    inside = np.zeros(depth.shape, bool)
    inside[top:bottom, left:right] = True
    return inside & np.isfinite(depth) & (depth > 0) & np.isfinite(confidence)


def _threshold(confidence: Sequence[Float32Array], usable: Sequence[NDArray[np.bool_]]) -> float:
    """The percentile over the clip, from a regular sample: at least some pixels reach it."""
    count = sum(int(mask.sum()) for mask in usable)
    if count == 0:
        return 0.0
    step = max(1, count // SAMPLES_FOR_THRESHOLD)
    sample = np.concatenate([c[mask][::step] for c, mask in zip(confidence, usable, strict=True)])
    return float(np.percentile(sample, CONFIDENCE_PERCENTILE))
