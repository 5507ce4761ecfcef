"""What a viewer shows of a clip: points that know their frame and pixel, cameras, pictures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import corner_rays
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array

LEVELS = 255
"""Highest value of `ViewScene.confidence` and `ViewScene.motion`."""


@dataclass(frozen=True)
class ViewCamera:
    """The camera of a frame, and what it saw. Everything is without the padding of the maps."""

    label: str
    """Says which frame it is, and when, in a few words."""
    T_camera_world: Float64Array
    """(3, 4)."""
    intrinsics: Float64Array
    """(3, 3) K in pixels of the map, whole numbers are pixel centres."""
    content: tuple[int, int, int, int]
    """Left, top, right, bottom of the picture in the map, right and bottom exclusive."""
    image: UInt8Array
    """(h, w, 3), small."""
    depth: UInt8Array
    """(h, w, 3), small: the depth as colours."""

    @property
    def corner_rays(self) -> Float64Array:
        """(4, 3) points at depth 1 behind the picture's corners, in the camera, clockwise."""
        return np.asarray(corner_rays(self.intrinsics, np.array(self.content)), np.float64)


@dataclass(frozen=True)
class ViewScene:
    """A clip as viewers show it. S frames, N points."""

    title: str
    cameras: tuple[ViewCamera, ...]
    """One camera for each of the S frames."""
    starts: NDArray[np.int64]
    """(S + 1,): the points of frame s are those from starts[s] to starts[s + 1]."""
    points: Float32Array
    """(N, 3) in the world."""
    pixels: NDArray[np.uint16]
    """(N, 2) u, v in the map of the frame."""
    depth: Float32Array
    """(N,) planar z, positive."""
    colors: UInt8Array
    """(N, 3)."""
    confidence: UInt8Array
    """(N,) share of the points that are not surer than this one, 255 for the surest."""
    motion: UInt8Array
    """(N,) 0 still or never seen twice, 255 moving."""
    has_motion: bool
    """False if there was nothing to compute motion from."""
    frames_per_second: float
    depth_range: tuple[float, float]
    """Depths of the brightest and the darkest colour of the depth pictures."""
    notes: tuple[str, ...]
    """What the person should know."""

    @cached_property
    def typical_depth(self) -> float:
        """Median of the points' depths."""
        return float(np.median(self.depth))

    @property
    def camera_size(self) -> float:
        """Depth at which a drawn camera has its picture: a small part of the scene's depth."""
        return 0.1 * self.typical_depth
