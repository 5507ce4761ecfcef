"""A sequence of a data set with what is known about it, whichever data set it is from.

Pictures and maps stay on the disk until they are asked for. Shapes: S frames, H W pixels, N points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array
from page4d_cli.data.clip.images import read_image

Pinhole = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


@dataclass(frozen=True)
class PointTracks:
    """N surface points, followed through S frames; `None` stands for what is not known."""

    pixels: Float32Array
    """(S, N, 2) as (u, v); anything where not visible."""
    visible: NDArray[np.bool_]
    """(S, N)."""
    points_world: Float32Array | None = None
    """(S, N, 3)."""
    moving: NDArray[np.bool_] | None = None
    """(N,): on something that moves in the world."""

    def at(self, frames: Sequence[int]) -> "PointTracks":
        """The same points in some of the frames, given by their indices."""
        chosen = list(frames)
        points = None if self.points_world is None else self.points_world[chosen]
        return PointTracks(self.pixels[chosen], self.visible[chosen], points, self.moving)


TrackReader = Callable[[Sequence[int]], PointTracks]


@dataclass(frozen=True)
class RecordedSequence:
    """Frames in time order with their ground truth; `None` stands for what the data set lacks.

    Values are as the data set has them: `pipelines/check_data/check.py` is what judges them.
    """

    name: str
    frames: tuple[Path, ...]
    """S images; or the files that hold them, with `read_picture`."""
    timestamps_s: Float64Array
    """(S,) seconds."""
    intrinsics: Float64Array | None = None
    """(3, 3) or (S, 3, 3) in pixels of the images."""
    T_camera_world: Float64Array | None = None
    """(S, 3, 4)."""
    read_picture: Callable[[int], UInt8Array] | None = None
    """RGB (H, W, 3) of a frame whose picture is no file of its own. Raises DatasetError,
    FramesError."""
    read_depth: Callable[[int], NDArray[Any]] | None = None
    """Depth of a frame: (H, W) planar z, 0 = none. Raises DatasetError."""
    depth_files: tuple[Path, ...] | None = None
    """S files that `read_depth` reads."""
    read_moving: Callable[[int], NDArray[np.bool_]] | None = None
    """Pixels (H, W) of a frame that show something that moves in the world. Raises FramesError."""
    read_tracks: TrackReader | None = None
    """Points through the frames of given indices, in ascending order: those that the data set has,
    or points of the first frame, carried on by its flow. Raises DatasetError."""
    T_world_recorded: Float64Array | None = None
    """(S, 3, 4): rows of the ground truth file as they stand, where these are not `T_world_camera`
    (Bonn: poses of markers). What published tables compare with."""
    pose_timestamps_s: Float64Array | None = None
    """(S,) seconds of the poses, where they have a clock of their own."""
    depth_timestamps_s: Float64Array | None = None
    """(S,) seconds of the depth maps, where they have a clock of their own."""
    notes: tuple[str, ...] = ()
    """What was left out or assumed when reading, for people."""

    def __post_init__(self) -> None:
        count = len(self.frames)
        shapes: list[tuple[str, Float64Array | None, list[tuple[int, ...]]]] = [
            ("timestamps_s", self.timestamps_s, [(count,)]),
            ("intrinsics", self.intrinsics, [(3, 3), (count, 3, 3)]),
            ("T_camera_world", self.T_camera_world, [(count, 3, 4)]),
            ("T_world_recorded", self.T_world_recorded, [(count, 3, 4)]),
            ("pose_timestamps_s", self.pose_timestamps_s, [(count,)]),
            ("depth_timestamps_s", self.depth_timestamps_s, [(count,)]),
        ]
        if self.depth_files is not None and len(self.depth_files) != count:
            raise ValueError(f"{len(self.depth_files)} depth files for {count} frames")
        for name, array, allowed in shapes:
            if array is not None and array.shape not in allowed:
                raise ValueError(f"{name} has shape {array.shape}, expected one of {allowed}")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def worst_offset_s(self) -> float | None:
        """Greatest distance in time between a frame and its pose or depth map; None if unknown."""
        clocks = (self.pose_timestamps_s, self.depth_timestamps_s)
        offsets = [np.abs(clock - self.timestamps_s).max() for clock in clocks if clock is not None]
        return float(max(offsets)) if offsets else None

    def read_image(self, index: int) -> UInt8Array:
        """(H, W, 3) RGB of a frame. Raises FramesError; DatasetError of files of other kinds."""
        if self.read_picture is not None:
            return self.read_picture(index)
        return read_image(self.frames[index])

    def intrinsics_of(self, index: int) -> Float64Array | None:
        """(3, 3) of a frame."""
        if self.intrinsics is None or self.intrinsics.ndim == 2:
            return self.intrinsics
        return np.asarray(self.intrinsics[index])
