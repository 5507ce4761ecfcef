"""Carry the depth of one frame into another: where its points fall, and what is seen there.

What agreement or disagreement means is for the caller to say: that static depth is right, that a
point is seen, that something has moved.
"""

from dataclasses import dataclass

import numpy as np

from page4d_cli.core.geometry import FloatArray, project, world_points_from_depth
from page4d_cli.core.types import Float64Array

_ROUNDING_PX = 1e-6
"""A point of the outermost pixels is carried out of the picture by less than this."""


@dataclass(frozen=True)
class PosedDepth:
    """The depth that a frame sees, and its camera. H W pixels of the map."""

    depth: FloatArray
    """(H, W) planar z; NaN where there is none."""
    intrinsics: Float64Array
    """(3, 3) in pixels of the map."""
    T_camera_world: Float64Array
    """(3, 4)."""

    def every(self, step: int, first: int = 0) -> "PosedDepth":
        """Keep the pixels `first`, `first + step`, … of rows and columns."""
        intrinsics = np.array(self.intrinsics, np.float64)
        intrinsics[:2, 2] -= first
        intrinsics[:2] /= step
        return PosedDepth(self.depth[first::step, first::step], intrinsics, self.T_camera_world)


@dataclass(frozen=True)
class SampledDepth:
    """What a map holds at N places; NaN outside, and beside a pixel without depth."""

    between: Float64Array
    """(N,) interpolated by its inverse, which is exact on planes."""
    nearest: Float64Array
    """(N,) least depth of the four pixels around."""
    farthest: Float64Array
    """(N,) greatest; far from `nearest` on an edge, where `between` means nothing."""


@dataclass(frozen=True)
class CarriedPoints:
    """N points in a frame that need not be the one that they come from."""

    pixels: Float64Array
    """(N, 2) as (u, v); not finite at depth 0."""
    depth: Float64Array
    """(N,) planar z, negative behind the camera."""
    found: SampledDepth
    """What the frame sees in their places; NaN for those that are not in front of the camera."""


def sample_depth(depth: FloatArray, pixels: FloatArray) -> SampledDepth:
    """Read a map between its pixels.

    Args:
        depth: (H, W), positive; NaN where there is none.
        pixels: (N, 2) as (u, v), whole numbers are pixel centres.
    """
    height, width = depth.shape
    with np.errstate(invalid="ignore"):
        inside = (pixels >= -_ROUNDING_PX).all(-1) & (
            pixels <= [width - 1 + _ROUNDING_PX, height - 1 + _ROUNDING_PX]
        ).all(-1)
    at = pixels[inside].clip(0, [width - 1, height - 1]).astype(np.float64)
    left, top = np.minimum(at.astype(np.intp), [max(width - 2, 0), max(height - 2, 0)]).T
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = at[:, 0] - left, at[:, 1] - top
    corners = np.stack([depth[v, u] for v in (top, bottom) for u in (left, right)])
    corners = corners.astype(np.float64)
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    values = np.full((3, len(pixels)), np.nan)
    values[:, inside] = 1 / (weights / corners).sum(0), corners.min(0), corners.max(0)
    return SampledDepth(*values)


def carry(source: PosedDepth, target: PosedDepth) -> CarriedPoints:
    """Carry all pixels of a frame that have depth, row by row, into another frame."""
    depth = source.depth.astype(np.float64)
    world = world_points_from_depth(depth, source.intrinsics, source.T_camera_world)
    return carry_points(world[np.isfinite(depth)], target)


def carry_points(points_world: FloatArray, target: PosedDepth) -> CarriedPoints:
    """Carry points (N, 3) of the world into a frame."""
    pixels, depth = project(points_world, target.intrinsics, target.T_camera_world)
    in_front = np.where((depth > 0)[:, None], pixels, np.nan)
    return CarriedPoints(
        pixels.astype(np.float64),
        depth.astype(np.float64),
        sample_depth(target.depth, in_front),
    )
