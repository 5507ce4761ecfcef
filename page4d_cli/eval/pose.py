"""Errors of an estimated camera path, by evo, after a similarity alignment.

Absolute trajectory error and relative pose error are those of Sturm et al., A Benchmark for the
Evaluation of RGB-D SLAM Systems, IROS 2012; the alignment is Umeyama's (PAMI 13(4), 1991).
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import Enum

import numpy as np
from evo import EvoException
from evo.core import sync
from evo.core.metrics import APE, PE, RPE, PoseRelation, StatisticsType, Unit
from evo.core.trajectory import PoseTrajectory3D

from page4d_cli.core.enums import PathAlign
from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import as_homogeneous
from page4d_cli.core.types import Float64Array

MAX_OFFSET_S = 0.01
MIN_POSES = 3
_MATCHED_SHARE = 2 / 3
"""Least share of the poses between the first and the last pair that are paired, on one clock. Of
stamps that go twice as fast, every other one coincides."""
_MIN_MOTION = 1e-12
"""Least extent of a path, relative to its distance from the origin: what rounding leaves."""
_MIN_WIDTH = 1e-6
"""Least extent of a path across its main direction, relative to the extent along it."""


class PosePairing(str, Enum):
    """How the poses of two paths were brought together."""

    TIMESTAMP = "timestamp"
    """Nearest time stamps, not too far apart."""
    INDEX = "index"
    """Equal counts on different clocks: the first with the first, and so on."""


@dataclass(frozen=True)
class Trajectory:
    """A camera path."""

    timestamps_s: Float64Array
    """(S,) seconds, none below the one before."""
    T_world_camera: Float64Array
    """(S, 3, 4) camera-to-world."""

    def __len__(self) -> int:
        return len(self.timestamps_s)


@dataclass(frozen=True)
class PoseMetrics:
    """Root mean square errors of a path, or their means over sequences."""

    ate: float
    """Distance of the aligned positions, in the ground truth's unit."""
    rpe_translation: float
    """Difference of the motions from one pose to the next, aligned, in the same unit."""
    rpe_rotation_deg: float
    """Difference of the turns from one pose to the next."""

    def as_dict(self) -> dict[str, float]:
        """By the names of published tables: `ATE`, `RPE trans`, `RPE rot`."""
        return dict(zip(METRIC_KEYS, astuple(self), strict=True))


METRIC_KEYS = ("ATE", "RPE trans", "RPE rot")


@dataclass(frozen=True)
class PoseScore:
    """How far an estimated path is from the true one, over N pairs of poses."""

    metrics: PoseMetrics
    pairing: PosePairing
    estimated_poses: int
    """Poses of the estimate, with a partner or without."""
    true_poses: int
    scale: float
    """What the estimate's lengths were multiplied by."""
    estimate: Trajectory
    """The N paired poses, aligned: in the ground truth's world and unit."""
    ground_truth: Trajectory
    """The N true poses that the estimate's are paired with."""

    @property
    def errors(self) -> Float64Array:
        """(N,) distances between the positions, in the ground truth's unit."""
        offset = self.estimate.T_world_camera[..., 3] - self.ground_truth.T_world_camera[..., 3]
        return np.asarray(np.linalg.norm(offset, axis=-1))

    def __len__(self) -> int:
        return len(self.ground_truth)


@dataclass(frozen=True)
class PoseComparison:
    """How two paths are compared.

    Raises:
        EvaluationError: a number is out of range.
    """

    align: PathAlign = PathAlign.SIM3
    max_time_difference_s: float = MAX_OFFSET_S
    """Between time stamps that belong together."""
    time_offset_s: float = 0.0
    """Is added to the estimate's time stamps."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_time_difference_s < np.inf:
            given = f"{self.max_time_difference_s:g}"
            raise EvaluationError(f"--max-time-difference {given}: give seconds, from 0")
        if not np.isfinite(self.time_offset_s):
            raise EvaluationError(f"--time-offset {self.time_offset_s:g}: give seconds")


_USUAL = PoseComparison()


def score_poses(
    estimate: Trajectory, ground_truth: Trajectory, how: PoseComparison = _USUAL
) -> PoseScore:
    """Align an estimated path to the true one, by a similarity if not told otherwise.

    Poses are paired by time stamp. Paths of equal length whose time stamps do not agree, as frame
    numbers and seconds, are paired by index.

    Args:
        estimate: in any world and unit.
        ground_truth: the true path.
        how: alignment and pairing.

    Raises:
        EvaluationError: fewer than 3 poses have a partner; or one of the paths has no motion or is
            a straight line, which determines no alignment; or a pose is not finite.
    """
    estimate = Trajectory(estimate.timestamps_s + how.time_offset_s, estimate.T_world_camera)
    _require_order("estimated path", estimate)
    _require_order("ground truth path", ground_truth)
    pairing, pair = _pair(estimate, ground_truth, how.max_time_difference_s)
    if len(pair[0]) < MIN_POSES:
        raise EvaluationError(
            _too_few(estimate, ground_truth, len(pair[0]), how.max_time_difference_s)
        )
    for what, path in zip(("estimated path", "ground truth path"), pair, strict=True):
        _require_finite(what, path)
        if how.align is not PathAlign.NONE:
            _require_shape(what, path)
    estimated, true = map(_to_evo, pair)
    try:
        scale = _align(estimated, true, how.align)
        metrics = PoseMetrics(
            _rmse(APE(PoseRelation.translation_part), true, estimated),
            _rmse(_relative(PoseRelation.translation_part), true, estimated),
            _rmse(_relative(PoseRelation.rotation_angle_deg), true, estimated),
        )
    except EvoException as error:
        raise EvaluationError(f"the estimated path cannot be aligned: {error}") from error
    return PoseScore(
        metrics=metrics,
        pairing=pairing,
        estimated_poses=len(estimate),
        true_poses=len(ground_truth),
        scale=scale,
        estimate=_from_evo(estimated, pair[0]),
        ground_truth=pair[1],
    )


def average_pose_metrics(metrics: Iterable[PoseMetrics]) -> PoseMetrics:
    """Plain mean over sequences.

    Raises:
        EvaluationError: there are none.
    """
    rows = [astuple(each) for each in metrics]
    if not rows:
        raise EvaluationError("no path was scored: there are no metrics to average")
    return PoseMetrics(*np.mean(rows, axis=0).tolist())


def _align(estimated: PoseTrajectory3D, true: PoseTrajectory3D, align: PathAlign) -> float:
    """Bring the estimate to the truth, in place; returns its scale."""
    if align is PathAlign.NONE:
        return 1.0
    _, _, scale = estimated.align(
        true,
        correct_scale=align is PathAlign.SIM3,
        correct_only_scale=align is PathAlign.SCALE,
    )
    return 1.0 if align is PathAlign.SE3 else float(scale)


def _pair(
    estimate: Trajectory, ground_truth: Trajectory, max_difference_s: float
) -> tuple[PosePairing, tuple[Trajectory, Trajectory]]:
    in_order = estimate, ground_truth
    if np.array_equal(estimate.timestamps_s, ground_truth.timestamps_s):
        return PosePairing.TIMESTAMP, in_order  # several poses may have one stamp
    stamps = estimate.timestamps_s, ground_truth.timestamps_s
    chosen, partners = _associate(*stamps, max_difference_s)
    if len(estimate) == len(ground_truth) and not _is_one_clock(chosen, partners):
        return PosePairing.INDEX, in_order
    return PosePairing.TIMESTAMP, (_take(estimate, chosen), _take(ground_truth, partners))


def _associate(
    estimate_s: Float64Array, truth_s: Float64Array, max_difference_s: float
) -> tuple[list[int], list[int]]:
    """Indices of each pose of the shorter path and the nearest in time of the longer one."""
    if len(truth_s) < len(estimate_s):
        return _associate(truth_s, estimate_s, max_difference_s)[::-1]
    if not len(estimate_s):
        return [], []
    matched: tuple[list[int], list[int]] = sync.matching_time_indices(
        estimate_s, truth_s, max_diff=max_difference_s
    )
    return matched


def _is_one_clock(chosen: list[int], partners: list[int]) -> bool:
    """Whether partners follow one another: stamps of two clocks coincide here and there only."""
    if len(chosen) < MIN_POSES:
        return False
    span = max(max(indices) - min(indices) + 1 for indices in (chosen, partners))
    return len(chosen) >= _MATCHED_SHARE * span


def _take(trajectory: Trajectory, indices: list[int]) -> Trajectory:
    chosen = np.asarray(indices, np.intp)
    return Trajectory(trajectory.timestamps_s[chosen], trajectory.T_world_camera[chosen])


def _too_few(
    estimate: Trajectory, ground_truth: Trajectory, count: int, max_difference_s: float
) -> str:
    counts = f"{len(estimate)} estimated and {len(ground_truth)} true poses"
    if len(estimate) == len(ground_truth):
        return f"{counts}; at least {MIN_POSES} are needed to align two paths"
    return (
        f"{counts}, of which {count} lie within {max_difference_s:g} s of each other; at least "
        f"{MIN_POSES} are needed: give both paths the same clock, or the same number of poses"
    )


def _require_order(what: str, trajectory: Trajectory) -> None:
    back = np.flatnonzero(np.diff(trajectory.timestamps_s) < 0)
    if len(back):
        before, after = trajectory.timestamps_s[back[0] : back[0] + 2]
        raise EvaluationError(
            f"the time stamps of the {what} go back from {before:.6f} to {after:.6f} at pose "
            f"{back[0] + 1} (counted from 0); sort its poses by time"
        )


def _require_finite(what: str, trajectory: Trajectory) -> None:
    if not np.isfinite(trajectory.T_world_camera).all():
        bad = int(np.argmin(np.isfinite(trajectory.T_world_camera).all((1, 2))))
        raise EvaluationError(f"the {what} is not finite at pose {bad} (counted from 0)")


def _require_shape(what: str, trajectory: Trajectory) -> None:
    """Refuse paths that leave the alignment open: the similarity needs a plane's extent."""
    positions = trajectory.T_world_camera[..., 3]
    spread = np.linalg.svd(positions - positions.mean(0), compute_uv=False)
    if spread[0] <= _MIN_MOTION * np.linalg.norm(positions):
        raise EvaluationError(
            f"the {what} has no motion: its {len(positions)} positions are the same, so no scale "
            "can be found; use a sequence with a moving camera"
        )
    if spread[1] <= _MIN_WIDTH * spread[0]:
        raise EvaluationError(
            f"the {what} is a straight line: the turn about it is undetermined, so the paths "
            "cannot be aligned; use a sequence that moves in more than one direction"
        )


def _to_evo(trajectory: Trajectory) -> PoseTrajectory3D:
    return PoseTrajectory3D(
        poses_se3=list(as_homogeneous(trajectory.T_world_camera)),
        timestamps=trajectory.timestamps_s,
    )


def _from_evo(aligned: PoseTrajectory3D, given: Trajectory) -> Trajectory:
    poses = np.array(aligned.poses_se3, np.float64)[:, :3]
    return Trajectory(given.timestamps_s, poses)


def _relative(relation: PoseRelation) -> PE:
    return RPE(relation, delta=1, delta_unit=Unit.frames, all_pairs=True)


def _rmse(metric: PE, true: PoseTrajectory3D, estimated: PoseTrajectory3D) -> float:
    metric.process_data((true, estimated))
    return float(metric.get_statistic(StatisticsType.rmse))
