"""In which frames the points of a cloud are seen, and where.

A point is carried into every other frame by the cameras. It is seen there if it falls into the
picture and the frame's own depth agrees with it; so what is hidden, or has moved away, is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.reproject import CarriedPoints, carry_points
from page4d_cli.core.types import Float64Array
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
        carried = carry_points(world, clip.posed_depth(index))
        seen = _agrees(carried, None if keep is None else keep[index])
        chosen = np.flatnonzero(seen | (cloud.frame_indices == index))
        frames.append(np.full(len(chosen), index))
        points.append(chosen)
        pixels.append(carried.pixels[chosen])
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


def _agrees(carried: CarriedPoints, keep: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """(N,) whether a frame sees the points where they fall into it."""
    with np.errstate(invalid="ignore"):
        error = np.abs(carried.found.between - carried.depth)
        agrees = error <= DEPTH_TOLERANCE * carried.depth  # false for NaN, too
    if keep is not None:
        columns, rows = carried.pixels[agrees].round().astype(np.intp).T
        agrees[agrees] = keep[rows, columns]
    return agrees
