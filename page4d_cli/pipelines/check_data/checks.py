"""What must hold of a sequence's frames, cameras and tracks. Each check names the frames it fails.

Shapes: S frames, H W pixels, N points.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import project, valid_depth, world_points_from_depth
from page4d_cli.data.sets.entry import CheckLimits
from page4d_cli.data.sets.recorded import PointTracks, RecordedSequence

_MOST = 0.5
"""Share of points that must stand still where nobody says which ones move."""


_NOTHING = 1e-4
"""Of the median: no lens sees as near and as far in one picture."""


class Check(str, Enum):
    """What is checked; the values are the words in reports."""

    SHAPES = "shapes and types"
    TIMESTAMPS = "time stamps"
    INTRINSICS = "intrinsics"
    POSES = "poses"
    DEPTH_VALUES = "depth values"
    VALID_SHARE = "share of valid depth"
    POSITIVE_DEPTH = "positive depth"
    DEPTH_CONSISTENCY = "depth consistency"
    TRACKS = "tracks"


@dataclass(frozen=True)
class Problem:
    """A check that a frame fails; frame `None` is the sequence as a whole."""

    check: Check
    frame: int | None
    message: str


def check_cameras(
    sequence: RecordedSequence, size: tuple[int, int] | None, limits: CheckLimits
) -> Iterator[Problem]:
    """Time stamps, intrinsics and poses.

    Args:
        sequence: whose.
        size: (height, width) of its pictures, if known.
        limits: what is still right.
    """
    steps = np.diff(sequence.timestamps_s)
    for before in np.flatnonzero(~(steps > 0)).tolist():
        stamps = sequence.timestamps_s[before : before + 2]
        message = f"{stamps[1]:.6f} s does not follow {stamps[0]:.6f} s"
        yield Problem(Check.TIMESTAMPS, before + 1, message)
    for index in range(len(sequence)):
        intrinsics = sequence.intrinsics_of(index)
        if intrinsics is not None and (wrong := _wrong_intrinsics(intrinsics, size)):
            yield Problem(Check.INTRINSICS, index, wrong)
        if sequence.T_camera_world is not None and (
            wrong := _wrong_pose(sequence.T_camera_world[index], limits.rotation_error)
        ):
            yield Problem(Check.POSES, index, wrong)


def _wrong_intrinsics(k: NDArray[Any], size: tuple[int, int] | None) -> str | None:
    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    if not np.isfinite(k).all():
        return "values that are not finite"
    if not (fx > 0 and fy > 0):
        return f"focal length fx {fx:g}, fy {fy:g}; expected positive"
    if not np.array_equal(k, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]):
        return f"{k.tolist()} has a skew or is no pinhole camera"
    if size is not None and not (0 < cx < size[1] and 0 < cy < size[0]):
        return f"principal point ({cx:g}, {cy:g}) is outside of a picture {size[1]}×{size[0]}"
    return None


def _wrong_pose(pose: NDArray[Any], tolerance: float) -> str | None:
    if not np.isfinite(pose).all():
        return "values that are not finite"
    rotation = pose[:, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > tolerance:
        return f"the rotation is not orthonormal: RRᵀ is off by {error:.2g}"
    determinant = np.linalg.det(rotation)
    return None if determinant > 0 else f"the rotation mirrors: determinant {determinant:.2f}"


def check_maps(
    index: int,
    image_size: tuple[int, int],
    depth: NDArray[Any],
    moving: NDArray[np.bool_] | None,
    limits: CheckLimits,
) -> Iterator[Problem]:
    """Depth and mask of one frame: form, values, share of valid pixels.

    Args:
        index: which frame.
        image_size: (height, width) of its picture.
        depth: as read.
        moving: as read.
        limits: what is still right.
    """
    if depth.shape != image_size:
        message = f"depth has shape {depth.shape}, the picture {image_size}"
        yield Problem(Check.SHAPES, index, message)
        return
    if moving is not None and moving.shape != image_size:
        message = f"the moving pixels have shape {moving.shape}, the picture {image_size}"
        yield Problem(Check.SHAPES, index, message)
    if depth.dtype != np.float32:
        yield Problem(Check.SHAPES, index, f"depth is {depth.dtype}; expected float32")
    finite = np.isfinite(depth)
    if not finite.all():
        message = f"{int((~finite).sum())} values of depth are not finite"
        yield Problem(Check.DEPTH_VALUES, index, message)
    positive = finite & (depth > 0)
    recorded = finite & (depth != 0)
    if (nothing := _next_to_nothing(depth[positive])) is not None:
        yield Problem(Check.DEPTH_VALUES, index, nothing)
    if recorded.any() and (share := positive.sum() / recorded.sum()) <= limits.positive_share:
        message = f"only {share:.0%} of the depth is positive"
        yield Problem(Check.POSITIVE_DEPTH, index, message)
    if (share := positive.mean()) < limits.valid_share:
        message = f"{share:.1%} of the pixels have depth; expected {limits.valid_share:.0%}"
        yield Problem(Check.VALID_SHARE, index, message)


def _next_to_nothing(positive: NDArray[Any]) -> str | None:
    """Some sets, or their readers, mark what is unknown with a very small depth."""
    if not positive.size:
        return None
    median = float(np.median(positive))
    count = int((positive < _NOTHING * median).sum())
    if not count:
        return None
    return (
        f"{count} depths are as small as {positive.min():.2g} where the median is {median:.3g}; "
        "expected 0 where depth is unknown"
    )


def check_tracks(
    sequence: RecordedSequence,
    tracks: PointTracks,
    frames: Sequence[int],
    size: tuple[int, int],
    limits: CheckLimits,
) -> Iterator[Problem]:
    """Visible points lie in the picture, and static ones where the cameras put them.

    Args:
        sequence: whose cameras.
        tracks: of some of its frames.
        frames: indices of these.
        size: (height, width) of the pictures.
        limits: what is still right.

    Raises:
        DatasetError: the depth of the first of the frames cannot be read.
    """
    static = _static_points(sequence, tracks, frames[0], limits)
    for row, index in enumerate(frames):
        pixels, visible = tracks.pixels[row], tracks.visible[row]
        message = _outside(pixels[visible], size)
        if message is None and static is not None:
            message = _off_camera(sequence, index, pixels, static.only(visible), limits)
        if message:
            yield Problem(Check.TRACKS, index, message)


def _outside(pixels: NDArray[Any], size: tuple[int, int]) -> str | None:
    inside = ((pixels >= -0.5) & (pixels <= [size[1] - 0.5, size[0] - 0.5])).all(-1)
    if inside.all():
        return None
    count = int((~inside).sum())
    return f"{count} of {len(pixels)} visible points are outside of the picture"


@dataclass(frozen=True)
class _StaticPoints:
    """Points of tracks that do not move, as far as is known."""

    chosen: NDArray[np.bool_]
    """(N,)."""
    points_world: NDArray[Any]
    """(N, 3)."""
    share: float
    """Of them that must lie where cameras see them."""

    def only(self, visible: NDArray[np.bool_]) -> "_StaticPoints":
        """Those that a frame shows; `visible` is (N,)."""
        return _StaticPoints(self.chosen & visible, self.points_world, self.share)


def _static_points(
    sequence: RecordedSequence, tracks: PointTracks, first: int, limits: CheckLimits
) -> _StaticPoints | None:
    """Points as they are in the first frame, from its depth if the tracks do not say."""
    points = None if tracks.points_world is None else tracks.points_world[0].astype(np.float64)
    if points is None:
        points = _lift(sequence, tracks, first)
    if points is None:
        return None
    known = np.isfinite(points).all(-1)
    if tracks.moving is None:
        return _StaticPoints(known, points, _MOST)
    return _StaticPoints(known & ~tracks.moving, points, limits.track_share)


def _lift(sequence: RecordedSequence, tracks: PointTracks, first: int) -> NDArray[Any] | None:
    """(N, 3) in the world, by the depth of the nearest pixel; NaN where there is none."""
    intrinsics, poses = sequence.intrinsics_of(first), sequence.T_camera_world
    if sequence.read_depth is None or intrinsics is None or poses is None:
        return None
    depth = valid_depth(sequence.read_depth(first))
    points = world_points_from_depth(depth, intrinsics, poses[first])
    lifted = np.full((len(tracks.pixels[0]), 3), np.nan)
    seen = tracks.visible[0]
    u, v = np.round(tracks.pixels[0][seen]).astype(np.intp).T
    inside = (u >= 0) & (v >= 0) & (u < depth.shape[1]) & (v < depth.shape[0])
    lifted[np.flatnonzero(seen)[inside]] = points[v[inside], u[inside]]
    return lifted


def _off_camera(
    sequence: RecordedSequence,
    index: int,
    pixels: NDArray[Any],
    static: _StaticPoints,
    limits: CheckLimits,
) -> str | None:
    """Static points, projected into a frame."""
    intrinsics, seen = sequence.intrinsics_of(index), static.chosen
    if intrinsics is None or sequence.T_camera_world is None or not seen.any():
        return None
    points = static.points_world[seen]
    expected, depth = project(points, intrinsics, sequence.T_camera_world[index])
    error = np.linalg.norm(expected - pixels[seen], axis=-1)
    wrong = ~((error <= limits.track_error_px) & (depth > 0))
    if wrong.mean() <= 1 - static.share:
        return None
    return (
        f"{int(wrong.sum())} of {len(wrong)} static points are not where the camera sees them, "
        f"median {np.median(error[wrong]):.3g} px off"
    )
