"""Depth follows the cameras: each frame's is scaled so that it agrees with the adjusted points.

The scale is a number, or a smooth field over the picture where the points allow it: enough of them,
and those that did not take part are met better by it than by the number. Frames of few points, and
those that differ by less than points can tell, take the number of the clip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float64Array
from page4d_cli.refine.adjust import State
from page4d_cli.refine.tracks import Tracks

_LEAST_PARALLAX_RAD = 0.03
"""Angle between two sightings of a point from which its depth is known to some percent."""
_FEW = 8
"""Points that give a number."""
_MANY = 60
"""Points that allow a field."""
_ROUNDS = 10
_RIDGE = 1.0
"""Sightings that a field's slopes and bends have to outweigh."""
_LEAST_GAIN = 0.9
"""A field is taken if it leaves so much of the error, or less, at points it was not fitted to."""
_LEAST_CHANGE = 0.005
"""Of the logarithm: smaller differences are the points' own."""
_MOST_BEND = np.log(1.5)
"""A field stays within this of its number."""


@dataclass(frozen=True)
class LogScale:
    """What the logarithm of a frame's depth is raised by: a quadratic over the picture."""

    coefficients: Float64Array
    """(6,) of 1, x, y, xy, x², y², with x and y from -1 to 1 across the picture."""

    def at(self, pixels: Float64Array, size: NDArray[np.int64]) -> Float64Array:
        """(...) at pixels (..., 2) of a picture of this width and height."""
        basis = _basis(pixels, size)
        bend = (basis[..., 1:] * self.coefficients[1:]).sum(-1)
        return np.asarray(self.coefficients[0] + np.clip(bend, -_MOST_BEND, _MOST_BEND))

    @property
    def is_field(self) -> bool:
        """Whether it differs over the picture."""
        return bool(self.coefficients[1:].any())


UNCHANGED = LogScale(np.zeros(6))


def depth_scales(
    tracks: Tracks, state: State, sizes: NDArray[np.int64], is_good: NDArray[np.bool_]
) -> list[LogScale]:
    """Find what each frame's depth is to be scaled by.

    Args:
        tracks: of the network's depth.
        state: cameras and points.
        sizes: (S, 2) width and height of the pictures.
        is_good: (M,) sightings that agree with their points.
    """
    poses = state.cameras.T_camera_world[tracks.frame]
    depth = np.einsum("mj,mj->m", poses[:, 2, :3], state.points[tracks.point]) + poses[:, 2, 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        log_ratio = np.log(depth / tracks.depth)
    certain = (parallax_rad(tracks, state) >= _LEAST_PARALLAX_RAD)[tracks.point]
    usable = is_good & certain & np.isfinite(log_ratio)
    of_frames = [usable & (tracks.frame == frame) for frame in range(len(sizes))]
    numbers = [float(np.median(log_ratio[mine])) for mine in of_frames if mine.sum() >= _FEW]
    common = float(np.median(numbers)) if numbers else 0.0
    return [
        _scale_of_frame(log_ratio[mine], tracks.pixels[mine], size, common)
        for size, mine in zip(sizes, of_frames, strict=True)
    ]


def parallax_rad(tracks: Tracks, state: State) -> Float64Array:
    """(N,) greatest angle between the first sighting of a point and another."""
    rays = state.points[tracks.point] - state.cameras.centres[tracks.frame]
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    cosine = np.einsum("mi,mi->m", rays, rays[tracks.starts][tracks.point])
    return np.asarray(np.arccos(np.minimum.reduceat(cosine, tracks.starts).clip(-1, 1)))


def _scale_of_frame(
    log_ratio: Float64Array, pixels: Float64Array, size: NDArray[np.int64], common: float
) -> LogScale:
    found = float(np.median(log_ratio)) if len(log_ratio) >= _FEW else common
    number = LogScale(
        np.array([found if abs(found - common) > _LEAST_CHANGE else common, 0, 0, 0, 0, 0])
    )
    if len(log_ratio) < _MANY or np.median(np.abs(log_ratio - found)) < _LEAST_CHANGE:
        return number
    basis = _basis(pixels, size)
    is_test = np.arange(len(basis)) % 4 == 0
    tried = _fit(basis[~is_test], log_ratio[~is_test])
    rest = np.median(log_ratio[~is_test])
    left_by_field = np.median(np.abs(log_ratio - tried.at(pixels, size))[is_test])
    left_by_number = np.median(np.abs(log_ratio - rest)[is_test])
    is_better = left_by_field < _LEAST_GAIN * left_by_number
    return _fit(basis, log_ratio) if is_better else number


def _fit(basis: Float64Array, log_ratio: Float64Array) -> LogScale:
    """Least squares, reweighted by Cauchy's loss."""
    found = np.array([np.median(log_ratio), 0, 0, 0, 0, 0])
    ridge = np.diag([0.0, *[_RIDGE] * 5])
    for _ in range(_ROUNDS):
        left = log_ratio - basis @ found
        scale = max(1e-4, 1.4826 * float(np.median(np.abs(left))))
        weighted = basis / (1 + (left / (2 * scale)) ** 2)[:, None]
        found = np.linalg.solve(weighted.T @ basis + ridge, weighted.T @ log_ratio)
    return LogScale(found)


def _basis(pixels: Float64Array, size: NDArray[np.int64]) -> Float64Array:
    """(..., 6)."""
    x, y = np.moveaxis((2 * pixels + 1) / size - 1, -1, 0)
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
