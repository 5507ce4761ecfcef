"""Does the depth of one frame, carried into another by the cameras, agree with what it has there?

For static points it must, if depth, intrinsics, poses and the order of frames are right. Occlusions
and, without masks, moving things disagree in truth; medians pass over them.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import project, world_points_from_depth
from page4d_cli.core.types import Float32Array, Float64Array

OFFSETS = (1, 3, 10, 30)
"""How many frames apart pairs are; near ones overlap, far ones have a baseline."""
_POINTS = 2000
_MIN_POINTS = 50
_MIN_COMPARISONS = 4
_EDGE_RATIO = 1.05
"""Depths of four neighbours further apart than this lie on an edge, where nothing is compared."""


@dataclass(frozen=True)
class View:
    """A frame as it is compared."""

    index: int
    depth: Float32Array
    """(H, W) planar z; NaN where there is none or where something moves."""
    intrinsics: Float64Array
    """(3, 3)."""
    T_camera_world: Float64Array
    """(3, 4)."""


@dataclass(frozen=True)
class DepthComparison:
    """Depth of one frame in another, over the points that met a surface there."""

    source: int
    target: int
    median_error: float
    """Relative."""
    inlier_share: float

    @property
    def apart(self) -> int:
        """Frames between the two."""
        return abs(self.target - self.source)


@dataclass
class DepthConsistency:
    """Compares each frame that is added with some before it, both ways."""

    tolerance: float
    """Relative error of an inlier."""
    comparisons: list[DepthComparison] = field(default_factory=list)
    shares_in_front: dict[int, float] = field(default_factory=dict)
    """Share of the preceding frame's points that lie before the camera of a frame."""
    _window: deque[View] = field(default_factory=lambda: deque(maxlen=max(OFFSETS)))
    _seen: list[int] = field(default_factory=list)

    def add(self, view: View) -> None:
        """Compare a frame; frames come in order, not necessarily all of them."""
        self._seen.append(view.index)
        for other in self._window:
            apart = view.index - other.index
            if apart not in OFFSETS:
                continue
            for source, target in ((view, other), (other, view)):
                errors, in_front = compare(source, target)
                if apart == 1 and target is view:
                    self.shares_in_front[view.index] = in_front
                if len(errors) >= _MIN_POINTS:
                    median, share = float(np.median(errors)), (errors < self.tolerance).mean()
                    self.comparisons.append(
                        DepthComparison(source.index, target.index, median, float(share))
                    )
        self._window.append(view)

    @property
    def frame_errors(self) -> dict[int, float]:
        """Median error over all comparisons of a frame; NaN if it met no other.

        The lower one of two middle values, so that a bad frame does not spoil its neighbours.
        """
        errors: dict[int, list[float]] = {index: [] for index in self._seen}
        for each in self.comparisons:
            for index in (each.source, each.target):
                errors[index].append(each.median_error)
        return {
            index: float(np.quantile(values, 0.5, method="lower")) if values else float("nan")
            for index, values in errors.items()
        }

    @property
    def far(self) -> list[DepthComparison]:
        """Those furthest apart, if they are enough, else all: a short baseline hides errors."""
        for offset in reversed(OFFSETS):
            found = [each for each in self.comparisons if each.apart == offset]
            if len(found) >= _MIN_COMPARISONS:
                return found
        return list(self.comparisons)


def compare(source: View, target: View) -> tuple[Float64Array, float]:
    """Carry points of one frame into another and compare depths there.

    The target is read between its pixels by interpolating inverse depth, which is exact on planes.

    Args:
        source: where points are taken, about 2000 on a grid.
        target: where they are looked for.

    Returns:
        |found - carried| / carried of the points that meet a surface, and the share of all points
        with positive depth in the target (NaN if there are none).
    """
    step = max(1, int(np.sqrt(source.depth.size / _POINTS)))
    rows = slice(step // 2, None, step)
    intrinsics = source.intrinsics.copy()
    intrinsics[:2, 2] -= step // 2
    intrinsics[:2] /= step
    depth = source.depth[rows, rows].astype(np.float64)
    world = world_points_from_depth(depth, intrinsics, source.T_camera_world)
    pixels, carried = project(world[np.isfinite(depth)], target.intrinsics, target.T_camera_world)
    in_front = carried > 0
    share = float(in_front.mean()) if len(in_front) else float("nan")
    found = _between_pixels(target.depth, pixels[in_front])
    carried = carried[in_front]
    met = np.isfinite(found)
    return np.abs(found[met] - carried[met]) / carried[met], share


def _between_pixels(depth: Float32Array, pixels: NDArray[np.floating]) -> Float64Array:
    """Depth (N,) at (N, 2) as (u, v); NaN outside, on edges, and beside pixels without depth."""
    height, width = depth.shape
    result = np.full(len(pixels), np.nan)
    # Rounding moves a point of the last row or column out by less than this.
    inside = np.flatnonzero(((pixels > -1e-6) & (pixels < [width - 1, height - 1])).all(-1))
    at = np.maximum(pixels[inside], 0)
    left, top = np.floor(at).astype(np.intp).T
    x, y = (at - np.floor(at)).T
    corners = np.stack(
        [depth[top + i, left + j].astype(np.float64) for i in (0, 1) for j in (0, 1)]
    )
    weights = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    smooth = corners.max(0) < _EDGE_RATIO * corners.min(0)  # false for NaN, too
    result[inside[smooth]] = 1 / (weights / corners).sum(0)[smooth]
    return result
