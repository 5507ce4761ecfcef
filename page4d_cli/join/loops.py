"""Places that were seen twice: whether both looks agree, and how the two are placed to one another.

A candidate comes with a window of its own, in which the network saw some frames of both places
together. It tells where the places are to one another if its depth says that both show the same
surfaces; a network asked about two places that only look alike puts them together, too.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.reproject import PosedDepth, carry
from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.join.scales import LogRatio

AGREEMENT = 0.25
"""Share of the pixels that must be found again at their depth, there and back."""
_SAME_DEPTH = 0.1
_LEAST_SEEN = 0.2
"""Share of a picture that the other place must show."""


@dataclass(frozen=True)
class Similarity:
    """x ↦ scale · rotation · x + translation."""

    log_scale: float
    rotation: Float64Array
    """(3, 3)."""
    translation: Float64Array
    """(3,)."""

    def __matmul__(self, other: "Similarity") -> "Similarity":
        scale = np.exp(self.log_scale)
        return Similarity(
            self.log_scale + other.log_scale,
            self.rotation @ other.rotation,
            scale * self.rotation @ other.translation + self.translation,
        )

    def inverse(self) -> "Similarity":
        """The similarity that undoes this one."""
        back = self.rotation.T
        return Similarity(-self.log_scale, back, -np.exp(-self.log_scale) * back @ self.translation)


def two_looks(indices: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Places within a loop's window (N,) of the frames of either look: two runs of numbers."""
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    if len(breaks) != 1:
        raise ValueError(f"{len(breaks) + 1} runs of frames; a loop's window has two")
    every = np.arange(len(indices), dtype=np.int64)
    return every[: breaks[0]], every[breaks[0] :]


def agreement(loop: Window) -> float:
    """Share of pixels of one look that the other finds at their depth; the worse way counts."""
    here, there = two_looks(loop.indices)
    pairs = [(here[len(here) // 2], there[len(there) // 2])]
    pairs += [(here[0], there[-1]), (here[-1], there[0]), (here[0], there[0])]
    ways = [
        np.mean([_found(loop, int(a), int(b)) for a, b in pairs]),
        np.mean([_found(loop, int(b), int(a)) for a, b in pairs]),
    ]
    return float(min(ways))


def place_look(loop: Window, look: Int64Array, path: Float64Array, unit: LogRatio) -> Similarity:
    """From a loop's window to the joined world, by the frames of one look.

    Args:
        loop: the window that saw both places.
        look: places within it.
        path: T_world_camera (F, 3, 4) of these frames in the joined world.
        unit: log of (joined depth / the loop window's depth) of these frames.
    """
    mine = loop.cameras.T_world_camera[look]
    relative = path[:, :, :3] @ np.swapaxes(mine[:, :, :3], 1, 2)
    rotation = Rotation.from_matrix(relative).mean().as_matrix()
    middle = rotation @ mine[..., 3].mean(0)
    shift = path[..., 3].mean(0) - np.exp(unit.value) * middle
    return Similarity(unit.value, rotation, shift)


def _posed(loop: Window, index: int) -> PosedDepth:
    depth = loop.depth[index].astype(np.float64)
    depth = np.where(depth > 0, depth, np.nan)
    return PosedDepth(depth, loop.intrinsics[index], loop.T_camera_world[index])


def _found(loop: Window, source: int, target: int) -> float:
    points = carry(_posed(loop, source), _posed(loop, target))
    known = np.isfinite(points.found.between)
    if known.sum() < _LEAST_SEEN * len(points.depth):
        return 0.0
    ratio = np.log(points.found.between[known] / points.depth[known])
    return float((np.abs(ratio) < _SAME_DEPTH).mean())
