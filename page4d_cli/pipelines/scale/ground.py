"""Metres by how high the camera is above the ground."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import camera_points_from_depth
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.types import Float64Array
from page4d_cli.pipelines.scale.seen import ClipFrames, SeenFrames, evenly

_POINTS = 1000
_TRIES = 300
_TOLERANCE = 0.03
"""Of the height: a depth that is 3 % off moves a point of the ground by 3 % of the height."""
_LEAST_SHARE = 0.2
"""Of the points below the camera that must lie on the ground."""
_STEEPEST = np.cos(np.deg2rad(45))
"""Cosine of the greatest angle between the ground's normal and the camera's y axis."""
_LEAST_FRAMES = 0.2
"""Share of the frames that must see the ground."""
_ROUNDS = 3
_LEAST_POINTS = 20
_WORST_CONDITION = 1e6
"""Of three points that are nearly on a line, or two of which are one."""


@dataclass(frozen=True)
class CameraHeight:
    """The height of the camera above the ground, which it holds about upright."""

    text: str
    """As it was typed."""
    metres: float
    heads = frozenset({Head.CAMERA, Head.DEPTH})
    """What must be predicted."""

    def require(self, clip: ClipFrames) -> None:
        """Nothing can be said before depth is there."""

    def factors(self, seen: SeenFrames) -> Float64Array:
        """(N,) metres a unit of length, for each of the frames that see the ground.

        Raises:
            InputError: too few do.
        """
        places = evenly(range(len(seen.infos)))
        heights = [height_above_ground(seen.posed_depth(place)) for place in places]
        found = np.array([height for height in heights if height is not None])
        if len(found) < max(1, _LEAST_FRAMES * len(places)):
            raise InputError(
                f"{self.text}: the ground is seen in {len(found)} of {len(places)} frames; it is "
                f"looked for below an upright camera, as a plane with {_LEAST_SHARE:.0%} of what "
                "is there; give another source"
            )
        return np.asarray(self.metres / found)


def height_above_ground(frame: PosedDepth) -> float | None:
    """Height of the camera over the plane that holds most of the points below it.

    The plane of a point p is m·p = 1, so that the height is 1 / |m|, and m·p - 1 the relative error
    of a depth. Random planes through three points (RANSAC, Fischler and Bolles, CACM 24(6), 1981;
    always the same), then least squares over what lies on the best. Whatever stands on the ground,
    or walks on it, is no part of it.

    Args:
        frame: depth, NaN where there is none.

    Returns:
        In the unit of the depth; None if there is no such plane.
    """
    depth = np.asarray(frame.depth, np.float64)
    points = np.asarray(camera_points_from_depth(depth, frame.intrinsics), np.float64)
    points = points.reshape(-1, 3)
    points = points[np.isfinite(points).all(1) & (points[:, 1] > 0)]
    if len(points) < _LEAST_POINTS:
        return None
    rng = np.random.default_rng(0)
    unit = float(np.median(points[:, 2]))
    points = points[rng.permutation(len(points))[:_POINTS]] / unit
    plane = _best_plane(points, rng)
    for _ in range(_ROUNDS):
        if plane is None:
            return None
        plane = _fitted(points[_lies_on(points, plane)], len(points))
    return None if plane is None else unit / float(np.linalg.norm(plane))


def _best_plane(points: Float64Array, rng: np.random.Generator) -> Float64Array | None:
    """Of upright planes (3,) through three points, the one that holds the most."""
    threes = points[rng.integers(0, len(points), (_TRIES, 3))]
    threes = threes[np.linalg.cond(threes) < _WORST_CONDITION]
    planes = np.linalg.solve(threes, np.ones((len(threes), 3, 1)))[..., 0]
    planes = planes[planes[:, 1] >= _STEEPEST * np.linalg.norm(planes, axis=1)]
    if not len(planes):
        return None
    held = _lies_on(points, planes).sum(1)
    return np.asarray(planes[int(held.argmax())])


def _fitted(points: Float64Array, count: int) -> Float64Array | None:
    """The plane (3,) of points that are enough among so many, if it is upright."""
    if len(points) < max(3, _LEAST_SHARE * count):
        return None
    plane = np.linalg.lstsq(points, np.ones(len(points)), rcond=None)[0]
    is_upright = plane[1] >= _STEEPEST * np.linalg.norm(plane)
    return np.asarray(plane) if is_upright else None


def _lies_on(points: Float64Array, planes: Float64Array) -> NDArray[np.bool_]:
    """(..., N) of points (N, 3) and planes (..., 3)."""
    return np.asarray(np.abs(planes @ points.T - 1) <= _TOLERANCE)
