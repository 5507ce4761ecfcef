"""Does the depth of one frame, carried into another by the cameras, agree with what it has there?

For static points it must, if depth, intrinsics, poses and the order of frames are right. Moving
things, without masks, disagree in truth; medians pass over them. What another surface hides lies
behind what is found: these points tell nothing. Wrong depth lies before what is found, too, if not
on the way from one frame then on the way back: of the two ways the worse one counts.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from page4d_cli.core.reproject import PosedDepth, carry
from page4d_cli.core.types import Float64Array

OFFSETS = (1, 3, 10, 30)
"""How many frames apart pairs are; near ones overlap, far ones have a baseline."""
_POINTS = 2000
_MIN_POINTS, _MIN_SHARE = 50, 0.1
"""Of points that no other surface hides; fewer agree by chance."""
_MIN_COMPARISONS = 2
_REACH_PX = 3.0
"""Within which a scattered point is compared with another frame's."""
_EDGE_RATIO = 1.05
"""Depths of four neighbours further apart than this lie on an edge, where nothing is compared."""


@dataclass(frozen=True)
class DepthComparison:
    """Depth of one frame in another, over the points that met a surface there."""

    source: int
    target: int
    median_error: float
    """Relative, of the points that no other surface hides."""
    inlier_share: float
    """Share of the compared points whose relative error is within the tolerance."""

    @property
    def apart(self) -> int:
        """Frames between the two."""
        return abs(self.target - self.source)


@dataclass
class DepthConsistency:
    """Compares each frame that is added with some before it."""

    tolerance: float
    """Relative error of an inlier."""
    sparse: bool = False
    """Depth is known at scattered pixels."""
    comparisons: list[DepthComparison] = field(default_factory=list)
    shares_in_front: dict[int, float] = field(default_factory=dict)
    """Share of the preceding frame's points that lie before the camera of a frame."""
    _window: deque[tuple[int, PosedDepth]] = field(
        default_factory=lambda: deque(maxlen=max(OFFSETS))
    )
    _seen: list[int] = field(default_factory=list)

    def add(self, index: int, frame: PosedDepth) -> None:
        """Compare a frame; frames come in order, not necessarily all of them.

        Args:
            index: of the frame.
            frame: without what moves.
        """
        self._seen.append(index)
        for earlier, other in self._window:
            if index - earlier not in OFFSETS:
                continue
            back, _ = self._carry((index, frame), (earlier, other))
            forth, in_front = self._carry((earlier, other), (index, frame))
            if index - earlier == 1:
                self.shares_in_front[index] = in_front
            telling = [way for way in (back, forth) if way is not None]
            if telling:
                self.comparisons.append(max(telling, key=lambda way: way.median_error))
        self._window.append((index, frame))

    def _carry(
        self, source: tuple[int, PosedDepth], target: tuple[int, PosedDepth]
    ) -> tuple[DepthComparison | None, float]:
        """Compare one way; None if that tells nothing. And the share in front."""
        errors, in_front = (compare_scattered if self.sparse else compare)(source[1], target[1])
        seen = errors[errors > -self.tolerance]
        if len(seen) < max(_MIN_POINTS, _MIN_SHARE * len(errors)):
            return None, in_front
        median = float(np.median(np.abs(seen)))
        share = float((np.abs(errors) < self.tolerance).mean())
        return DepthComparison(source[0], target[0], median, share), in_front

    @property
    def frame_errors(self) -> dict[int, float]:
        """Median error over all comparisons of a frame; NaN if none tells anything.

        The lower one of two middle values, so that a bad frame does not spoil its neighbours.
        """
        errors: dict[int, list[float]] = {index: [] for index in self._seen}
        for each in self.comparisons:
            for index in (each.source, each.target):
                errors[index].append(each.median_error)
        return {
            index: _lower_median(values) if values else float("nan")
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

    @property
    def far_error(self) -> float | None:
        """Median error of these."""
        return _lower_median([each.median_error for each in self.far]) if self.far else None


def _lower_median(values: list[float]) -> float:
    return float(np.quantile(values, 0.5, method="lower"))


def compare(source: PosedDepth, target: PosedDepth) -> tuple[Float64Array, float]:
    """Carry points of one frame into another and compare depths there.

    Args:
        source: where points are taken, about 2000 on a grid.
        target: where they are looked for.

    Returns:
        found / carried - 1 of the points that meet a surface, and the share of all points with
        positive depth in the target (NaN if there are none).
    """
    step = max(1, int(np.sqrt(source.depth.size / _POINTS)))
    carried = carry(source.every(step, step // 2), target)
    share = float((carried.depth > 0).mean()) if len(carried.depth) else float("nan")
    smooth = carried.found.farthest < _EDGE_RATIO * carried.found.nearest  # false for NaN, too
    return carried.found.between[smooth] / carried.depth[smooth] - 1, share


def compare_scattered(source: PosedDepth, target: PosedDepth) -> tuple[Float64Array, float]:
    """The same where depth is known at scattered pixels, each compared with its nearest.

    Args:
        source: where about 2000 of the points are taken.
        target: whose points they are compared with.

    Returns:
        As `compare`, of the points that have another one nearby.
    """
    known = np.flatnonzero(np.isfinite(source.depth))
    taken = np.full_like(source.depth, np.nan)
    some = known[:: max(1, len(known) // _POINTS)]
    taken.flat[some] = source.depth.flat[some]
    carried = carry(replace(source, depth=taken), target)
    share = float((carried.depth > 0).mean()) if len(carried.depth) else float("nan")
    v, u = np.nonzero(np.isfinite(target.depth))
    in_front = carried.depth > 0
    distance, nearest = cKDTree(np.stack([u, v], -1)).query(
        carried.pixels[in_front], distance_upper_bound=_REACH_PX
    )
    met = np.isfinite(distance)
    found = target.depth[v[nearest[met]], u[nearest[met]]]
    return found / carried.depth[in_front][met] - 1, share
