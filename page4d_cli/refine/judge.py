"""Whether refined cameras are better than those they began with, frame by frame.

The judges are sightings that the adjustment never saw: a tenth of the tracks. Points are put where
each set of cameras explains them best, and what is left is compared.

Shapes: S frames, M sightings of the judges.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array
from page4d_cli.refine.adjust import State, adjust_points, errors_px, place_points
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.tracks import Tracks

LEAST_SIGHTINGS = 12
"""That two frames share, and that agree: fewer support nothing."""
MOST_FOCAL_CHANGE = 1.6
"""Either way."""
_INLIER_PX = 2.0
"""Up to this error a sighting agrees, in pictures of up to 1000 pixels."""
_LEAST_INLIERS = 0.5
"""Share of the judges' sightings that must agree in the end."""
_MOST_TURN_DEG = 15.0
"""Of half of the frames: further off, the pictures find no way back, and seem to."""
_LEAST_JUDGES = 6
"""Sightings by which a frame can be told better from worse."""
_FEWEST_JUDGES = 10
"""Points by which a clip can: some streaks of a blurred one agree on cameras that are wrong."""
_JUMP = 4.0
"""A frame jumps that is so much further from between its neighbours than usual."""
_SMALLEST_JUMP = (0.01, 0.02)
"""Radians, and parts of a typical depth: what is no jump in any clip."""
_SETTLING_STEPS = 20


@dataclass(frozen=True)
class Verdict:
    """What becomes of the frames."""

    is_supported: NDArray[np.bool_]
    """(S,) whether enough sightings agree."""
    before_px: float | None
    """Median error of the judges' sightings; None without judges."""
    after_px: float | None
    refusal: str | None = None
    """Why all frames are left as they were; None if not all are."""
    refused: dict[int, str] = field(default_factory=dict)
    """Supported frames that are left as they were, and why."""

    @property
    def is_taken(self) -> NDArray[np.bool_]:
        """(S,) whether a frame gets its refined camera."""
        taken = self.is_supported & (self.refusal is None)
        taken[list(self.refused)] = False
        return taken


def inlier_limit_px(longest_side: int) -> float:
    """Error up to which a sighting agrees, in pictures of this size."""
    return _INLIER_PX * max(1.0, longest_side / 1000)


def judge(judges: Tracks, used: Tracks, before: Cameras, after: State, limit_px: float) -> Verdict:
    """Compare cameras.

    Args:
        judges: tracks that the adjustment did not see.
        used: those that it saw.
        before: the cameras as they were.
        after: the cameras as they are, and the points of `used`.
        limit_px: see `inlier_limit_px`.
    """
    is_supported = _supported(used.only(errors_px(used, after) < limit_px), len(before))
    if not is_supported.any() or len(judges) < _FEWEST_JUDGES:
        return Verdict(is_supported, None, None, "too few points were found again in other frames")
    old, new = (_left_over(judges, each, limit_px) for each in (before, after.cameras))
    before_px, after_px = float(np.median(old)), float(np.median(new))
    fair_old, fair_new = (_shared_by_pairs(judges, each) for each in (old, new))
    refusal = (
        _refusal(old, new, limit_px)
        or _focal_refusal(before, after.cameras)
        or _turn_refusal(before, after.cameras, is_supported)
    )
    refused = dict.fromkeys(_jumps(before, after.cameras), "it jumps against its neighbours")
    for frame in range(len(before)):
        mine = judges.frame == frame
        if mine.sum() >= _LEAST_JUDGES and np.median(fair_new[mine]) > _allowed(fair_old[mine]):
            refused[frame] = "held-out points are explained worse"
    refused = {frame: why for frame, why in sorted(refused.items()) if is_supported[frame]}
    if refusal is None and is_supported.sum() < 2 + len(refused):
        refusal = "fewer than two cameras would be better, and one alone has nothing to agree with"
    return Verdict(is_supported, before_px, after_px, refusal, refused)


def explains_better(judges: Tracks, first: Cameras, second: Cameras, limit_px: float) -> bool:
    """Whether the second cameras explain the judges' sightings better than the first do."""
    old, new = (
        _means(judges, _left_over(judges, each, limit_px))[judges.point] for each in (first, second)
    )
    return len(new) > 0 and bool(np.median(new) < np.median(old))


def _supported(tracks: Tracks, frames: int) -> NDArray[np.bool_]:
    """(S,) frames of the largest group that enough points hold together.

    Where another group lies to it only the network knows, so that stays where it is.
    """
    shown = coo_array(
        (np.ones(len(tracks.point)), (tracks.frame, tracks.point)), (frames, len(tracks))
    ).tocsr()
    shared = shown @ shown.T
    shared.data *= shared.data >= LEAST_SIGHTINGS
    shared.eliminate_zeros()
    group = connected_components(shared, directed=False)[1]
    sizes = np.bincount(group)
    return np.asarray((group == sizes.argmax()) & (sizes.max() > 1))


def _allowed(old: Float64Array) -> float:
    """The median of a few errors is not known better than this."""
    return float(np.median(old) * (1 + 1 / np.sqrt(len(old))))


def _left_over(judges: Tracks, cameras: Cameras, limit_px: float) -> Float64Array:
    """(M,) errors of the judges' sightings when their points are where these cameras want them."""
    state = State(cameras, place_points(judges, cameras))
    for scale_px in (4 * limit_px, limit_px / 2):
        state = adjust_points(judges, state, scale_px, _SETTLING_STEPS)
    return errors_px(judges, state)


def _shared_by_pairs(judges: Tracks, errors: Float64Array) -> Float64Array:
    """(M,) the same, but two sightings of a point that nothing else shows are equally wrong.

    Cauchy's loss puts all of what they disagree by on one of them, whichever it is.
    """
    is_pair = np.bincount(judges.point)[judges.point] == 2
    return np.where(is_pair, _means(judges, errors)[judges.point], errors)


def _means(judges: Tracks, errors: Float64Array) -> Float64Array:
    """(N,) mean error of each point's sightings."""
    return np.bincount(judges.point, errors) / np.maximum(1, np.bincount(judges.point))


def _refusal(old: Float64Array, new: Float64Array, limit_px: float) -> str | None:
    share = float((new < limit_px).mean())
    if share < _LEAST_INLIERS:
        return f"only {share:.0%} of the held-out points agree with the cameras that were found"
    if np.median(new) > _allowed(old):
        return (
            f"held-out points are explained worse than before ({np.median(new):.2f} px, "
            f"{np.median(old):.2f} px before)"
        )
    return None


def _focal_refusal(before: Cameras, after: Cameras) -> str | None:
    change = after.intrinsics[:, 0, 0] / before.intrinsics[:, 0, 0]
    worst = float(change[np.abs(np.log(change)).argmax()])
    if 1 / MOST_FOCAL_CHANGE <= worst <= MOST_FOCAL_CHANGE:
        return None
    return f"the focal length ran away to {worst:.2f} times the network's"


def _turn_refusal(before: Cameras, after: Cameras, is_supported: NDArray[np.bool_]) -> str | None:
    rotations = (each.T_camera_world[is_supported, :, :3] for each in (before, after))
    turn = next(rotations).swapaxes(1, 2) @ next(rotations)
    typical = float(np.degrees(np.median(Rotation.from_matrix(turn).magnitude())))
    if typical <= _MOST_TURN_DEG:
        return None
    return f"the cameras would turn by {typical:.0f}°: they are too far off to be refined"


def _jumps(before: Cameras, after: Cameras) -> list[int]:
    """Frames that are further from between their neighbours than usual, and than they were."""
    jumping = np.zeros(len(before), bool)
    for was, now, least in zip(_bends(before), _bends(after), _SMALLEST_JUMP, strict=True):
        if len(now):
            usual = max(least, float(np.median(now)))
            peak = now >= np.maximum(np.append(now[1:], 0), np.append(0, now[:-1]))
            jumping[1:-1] |= peak & (now > _JUMP * usual) & (now > 1.5 * was)
    return [int(frame) for frame in np.flatnonzero(jumping)]


def _bends(cameras: Cameras) -> tuple[Float64Array, Float64Array]:
    """(S - 2,) how much rotation, in radians, and motion change at every inner frame."""
    if len(cameras) < 3:
        return np.zeros(0), np.zeros(0)
    rotation = cameras.T_camera_world[:, :, :3]
    turns = Rotation.from_matrix(rotation[1:] @ np.swapaxes(rotation[:-1], 1, 2)).as_rotvec()
    moves = np.diff(cameras.centres, axis=0)
    return (
        np.linalg.norm(np.diff(turns, axis=0), axis=1),
        np.linalg.norm(np.diff(moves, axis=0), axis=1),
    )
