"""What a viewer shows of a clip: points that know their frame and pixel, cameras, pictures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import LengthUnit
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
    motion: UInt8Array | None
    """(h, w), small: bright where something moves; None: that is not known."""

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
    segments: tuple[tuple[int, int], ...]
    """First frame and end of each segment; worlds of segments have nothing in common."""
    unit: LengthUnit
    frames_per_second: float
    depth_range: tuple[float, float]
    """Depths of the brightest and the darkest colour of the depth pictures."""
    notes: tuple[str, ...]
    """What the person should know."""

    @property
    def has_motion(self) -> bool:
        """False if there was nothing to compute motion from."""
        return self.cameras[0].motion is not None

    def segment_of(self, frame: int) -> tuple[int, int]:
        """First frame and end of the segment that a frame is in."""
        return next(segment for segment in self.segments if frame < segment[1])

    def label(self, frame: int) -> str:
        """Which frame it is, of how many, and in which segment if there are several."""
        said = f"{self.cameras[frame].label} ({frame + 1} of {len(self.cameras)})"
        if len(self.segments) == 1:
            return said
        number = self.segments.index(self.segment_of(frame)) + 1
        return f"{said}, segment {number} of {len(self.segments)}"

    @property
    def depth_legend(self) -> str:
        """What the colours of the depth pictures mean."""
        near, far = self.depth_range
        return f"depth, {self.unit.value}: {near:.3g} (bright) to {far:.3g} (dark)"

    @cached_property
    def typical_depth(self) -> float:
        """Median of the points' depths."""
        return float(np.median(self.depth))

    @property
    def camera_size(self) -> float:
        """Depth at which a drawn camera has its picture: a small part of the scene's depth."""
        return 0.1 * self.typical_depth
