"""In which frames the points of a cloud are seen, and where.

A point is carried into every other frame by the cameras. It is seen there if it falls into the
picture and the frame's own depth agrees with it; so what is hidden, or has moved away, is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import project
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.pipelines.cloud.choose import Cloud
from page4d_cli.pipelines.stored_run.clip import RunClip

DEPTH_TOLERANCE = 0.02
"""Largest relative difference between a point's depth and that of the map."""


@dataclass(frozen=True)
class Observations:
    """M sightings, sorted by frame, then by point."""

    frame: NDArray[np.int64]
    """(M,)."""
    point: NDArray[np.int64]
    """(M,) index into the cloud."""
    pixels: Float64Array
    """(M, 2) as (u, v) in the maps; whole numbers are pixel centres."""


def observe(
    clip: RunClip, cloud: Cloud, keep: Sequence[NDArray[np.bool_]] | None = None
) -> Observations:
    """Find the frames that show each point; its own frame always does.

    Args:
        clip: with cameras and depth.
        cloud: of this clip.
        keep: S masks (H, W); pixels outside of them show nothing.
    """
    frames, points, pixels = [], [], []
    world = cloud.points.astype(np.float64)
    for index in range(len(clip)):
        uv, z = project(world, clip.intrinsics[index], clip.extrinsics[index])
        seen = _agrees(clip, index, np.asarray(uv, np.float64), np.asarray(z, np.float64), keep)
        chosen = np.flatnonzero(seen | (cloud.frame_indices == index))
        frames.append(np.full(len(chosen), index))
        points.append(chosen)
        pixels.append(uv[chosen])
    return Observations(np.concatenate(frames), np.concatenate(points), np.concatenate(pixels))


def seen_in_enough(observations: Observations, count: int, frames: int) -> NDArray[np.bool_]:
    """Which of `count` points have at least so many observations: (count,)."""
    return np.asarray(np.bincount(observations.point, minlength=count) >= frames)


def restrict(observations: Observations, kept: NDArray[np.bool_]) -> Observations:
    """Leave points out; the others are numbered anew."""
    number = np.cumsum(kept) - 1
    stays = kept[observations.point]
    return Observations(
        observations.frame[stays],
        number[observations.point[stays]],
        observations.pixels[stays],
    )


def _agrees(
    clip: RunClip,
    index: int,
    uv: Float64Array,
    z: Float64Array,
    keep: Sequence[NDArray[np.bool_]] | None,
) -> NDArray[np.bool_]:
    """(N,) whether the depth of a frame at pixels (N, 2) is z (N,)."""
    left, top, right, bottom = clip.infos[index].transform.content
    with np.errstate(invalid="ignore"):
        inside = (z > 0) & (uv >= [left, top]).all(1) & (uv <= [right - 1, bottom - 1]).all(1)
    candidates = np.flatnonzero(inside)
    depth = _between_pixels(clip.depth[index], uv[candidates])
    with np.errstate(invalid="ignore"):
        agrees = np.abs(depth - z[candidates]) <= DEPTH_TOLERANCE * z[candidates]
    if keep is not None:
        columns, rows = uv[candidates].round().astype(np.intp).T
        agrees &= keep[index][rows, columns]
    seen = np.zeros(len(z), bool)
    seen[candidates] = agrees
    return seen


def _between_pixels(map_: Float32Array, uv: Float64Array) -> Float64Array:
    """Bilinear values (N,) at pixels (N, 2) within the map; NaN next to pixels without depth."""
    height, width = map_.shape
    usable = np.where(np.isfinite(map_) & (map_ > 0), map_, np.nan).astype(np.float64)
    column, row = np.floor(uv).astype(np.intp).T
    right, below = np.minimum(column + 1, width - 1), np.minimum(row + 1, height - 1)
    x, y = (uv - np.floor(uv)).T
    upper = (1 - x) * usable[row, column] + x * usable[row, right]
    lower = (1 - x) * usable[below, column] + x * usable[below, right]
    return np.asarray((1 - y) * upper + y * lower, np.float64)
