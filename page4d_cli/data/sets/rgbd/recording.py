"""Raw folders of RGB-D recordings: lists of pictures and poses, each with a clock of its own.

The form is that of the TUM RGB-D benchmark (Sturm et al., A Benchmark for the Evaluation of RGB-D
SLAM Systems, IROS 2012; "File Formats" on the benchmark's pages): `rgb.txt` and `depth.txt` with
rows `timestamp file`, `groundtruth.txt` with rows `timestamp tx ty tz qx qy qz qw`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.recorded import RecordedSequence

MAX_POSE_OFFSET_S = 0.02
MAX_DEPTH_OFFSET_S = 0.04
DEPTH_SCALE = 5000.0
"""PNG values a metre."""
LISTS = ("rgb.txt", "depth.txt", "groundtruth.txt")


@dataclass(frozen=True)
class Recording:
    """The frames of a folder with the depth maps and poses that belong to them. Shapes: S frames.

    `None` stands for what the folder has none of.
    """

    images: tuple[Path, ...]
    depths: tuple[Path, ...] | None
    timestamps_s: Float64Array
    """(S,) of the pictures."""
    T_world_recorded: Float64Array | None
    """(S, 3, 4): the rows of the list of poses as they stand."""
    pose_timestamps_s: Float64Array | None
    """(S,) of the poses."""
    depth_timestamps_s: Float64Array | None
    """(S,) of the depth maps."""
    notes: tuple[str, ...]
    """What was left out, counted."""

    @property
    def read_depth(self) -> Callable[[int], Float32Array] | None:
        """Depth (H, W) of a frame in metres, 0 = none."""
        depths = self.depths
        return None if depths is None else lambda index: read_depth16(depths[index], DEPTH_SCALE)

    def as_sequence(self, folder: Path) -> RecordedSequence:
        """The same with the rows taken for camera-to-world poses; intrinsics are not known.

        Args:
            folder: of the sequence, which is called by it.
        """
        poses = self.T_world_recorded
        return RecordedSequence(
            name=folder.absolute().name,
            frames=self.images,
            timestamps_s=self.timestamps_s,
            T_camera_world=None if poses is None else np.asarray(invert_rigid(poses), np.float64),
            read_depth=self.read_depth,
            depth_files=self.depths,
            pose_timestamps_s=self.pose_timestamps_s,
            depth_timestamps_s=self.depth_timestamps_s,
            notes=self.notes,
        )


def associate(times_s: Float64Array, others_s: Float64Array, limit_s: float) -> dict[int, int]:
    """Pair time stamps one to one, those closest together first.

    Args:
        times_s: (A,) seconds, in any order.
        others_s: (B,) seconds, in any order.
        limit_s: pairs are less than this apart.

    Returns:
        Index into `others_s` by index into `times_s`, for those that found a partner.
    """
    order = np.argsort(others_s, kind="stable")
    ordered = others_s[order]
    first = np.searchsorted(ordered, times_s - limit_s, "right")
    last = np.searchsorted(ordered, times_s + limit_s, "left")
    candidates = sorted(
        (abs(float(times_s[a] - ordered[b])), a, int(order[b]))
        for a in range(len(times_s))
        for b in range(first[a], last[a])
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, a, b in candidates:
        if a not in pairs and b not in taken:
            pairs[a] = b
            taken.add(b)
    return pairs


def matrix_from_pinhole(pinhole: Sequence[float]) -> Float64Array:
    """K (3, 3) of fx, fy, cx, cy."""
    fx, fy, cx, cy = pinhole
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
