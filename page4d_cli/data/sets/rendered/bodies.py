"""Scenes of rigid bodies whose motions are known: which pixels move, and where their points go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.core.reproject import CarriedPoints, PosedDepth, carry_points
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.recorded import PointTracks
from page4d_cli.data.sets.rendered.flow import grid_of_points

_EDGE_RATIO = 1.05
"""Depths of four neighbours further apart than this are of two surfaces."""
_TOLERANCE = 1.01
"""A point this much farther than what is seen in its place is hidden."""


@dataclass(frozen=True)
class RigidBodies:
    """K bodies in S frames; the first is all that stands still."""

    T_world_body: Float64Array
    """(K, S, 3, 4)."""
    moving: NDArray[np.bool_]
    """(K,)."""
    read_numbers: Callable[[int], NDArray[Any]]
    """Which body the pixels (H, W) of a frame show. Raises DatasetError."""

    def read_moving(self, index: int) -> NDArray[np.bool_]:
        """As in `RecordedSequence`."""
        return np.asarray(self.moving[self.read_numbers(index)])

    def tracks(
        self, frames: Sequence[int], read_posed_depth: Callable[[int], PosedDepth]
    ) -> PointTracks:
        """Follow a grid of points of the first frame.

        Args:
            frames: S indices.
            read_posed_depth: depth and camera of a frame.

        Raises:
            DatasetError: a map cannot be read.
        """
        first = read_posed_depth(frames[0])
        height, width = first.depth.shape
        u, v = grid_of_points((width, height)).astype(np.intp).T
        points = world_points_from_depth(first.depth, first.intrinsics, first.T_camera_world)[v, u]
        known = np.isfinite(points).all(-1)
        points, body = points[known], self.read_numbers(frames[0])[v, u][known]
        begin = self.T_world_body[body, frames[0]]
        in_body = (begin[..., :3].swapaxes(-1, -2) @ (points - begin[..., 3])[..., None])[..., 0]
        poses = self.T_world_body[body][:, list(frames)].swapaxes(0, 1)
        world = (poses[..., :3] @ in_body[..., None])[..., 0] + poses[..., 3]
        carried = [
            carry_points(each, read_posed_depth(index))
            for each, index in zip(world, frames, strict=True)
        ]
        visible = np.stack([_visible(each) for each in carried])
        visible[0] = True  # at an edge, too: the pixel shows the point
        return PointTracks(
            np.stack([each.pixels for each in carried]).astype(np.float32),
            visible,
            world.astype(np.float32),
            self.moving[body],
        )


def _visible(carried: CarriedPoints) -> NDArray[np.bool_]:
    """(N,): nothing that the frame sees lies before them."""
    found = carried.found
    smooth = found.farthest < _EDGE_RATIO * found.nearest  # false for NaN, too
    seen = np.where(smooth, found.between, found.nearest)
    return np.asarray((carried.depth > 0) & (carried.depth <= _TOLERANCE * seen))
