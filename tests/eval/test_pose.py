import json

import numpy as np
import pytest
from support import ORACLE

from page4d_cli.core.enums import PathAlign
from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.eval.pose import (
    METRIC_KEYS,
    PoseComparison,
    PoseMetrics,
    PosePairing,
    Trajectory,
    average_pose_metrics,
    score_poses,
)


def read_oracle(name):
    rows = np.loadtxt(ORACLE / "pose" / f"{name}.txt")
    return trajectory(matrix_from_quat_xyzw(rows[:, 4:]), rows[:, 1:4], rows[:, 0])


def trajectory(rotations, positions, timestamps_s=None):
    times_s = np.arange(len(positions), dtype=np.float64) if timestamps_s is None else timestamps_s
    poses = np.concatenate([rotations, np.asarray(positions, np.float64)[..., None]], axis=2)
    return Trajectory(times_s, poses)


def rotations(rng, count):
    return matrix_from_quat_xyzw(rng.standard_normal((count, 4)))


def wander(count=40, seed=0):
    rng = np.random.default_rng(seed)
    return trajectory(rotations(rng, count), rng.standard_normal((count, 3)).cumsum(0))


def moved(path, scale=1.0, seed=1):
    """The same path in another world and unit."""
    rng = np.random.default_rng(seed)
    turn, shift = rotations(rng, 1)[0], rng.standard_normal(3) * 5
    poses = path.T_world_camera
    return trajectory(turn @ poses[..., :3], scale * poses[..., 3] @ turn.T + shift)


@pytest.mark.parametrize(
    ("name", "key", "pairing"),
    [
        ("pred", "index-paired", PosePairing.INDEX),
        ("pred_sparse", "timestamp-associated", PosePairing.TIMESTAMP),
    ],
)
def test_equals_the_oracle(name, key, pairing):
    score = score_poses(read_oracle(name), read_oracle("gt"))
    expected = json.loads((ORACLE / "pose/pose_metrics.json").read_text())[key]
    assert score.metrics.as_dict() == pytest.approx(expected, rel=1e-6)
    assert score.pairing is pairing
    rmse = np.sqrt(np.mean(score.errors**2))
    assert rmse == pytest.approx(score.metrics.ate, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_a_similarity_is_undone(scale):
    path = wander()
    score = score_poses(moved(path, scale), path)
    assert max(score.metrics.as_dict().values()) < 1e-5
    assert score.scale == pytest.approx(1 / scale)
    np.testing.assert_allclose(score.estimate.T_world_camera, path.T_world_camera, atol=1e-9)


def test_noise_gives_what_theory_says():
    path, rng, sigma = wander(4000), np.random.default_rng(2), 0.05
    noise = sigma * rng.standard_normal((4000, 3))
    poses = path.T_world_camera
    score = score_poses(moved(trajectory(poses[..., :3], poses[..., 3] + noise), 3.0), path)
    assert score.metrics.ate == pytest.approx(sigma * np.sqrt(3), rel=0.03)
    assert score.metrics.rpe_translation == pytest.approx(sigma * np.sqrt(6), rel=0.03)
    assert score.metrics.rpe_rotation_deg < 1e-4


def test_noise_of_rotations_gives_what_theory_says():
    """Turns about random axes by a small normal vector; two of them lie between two frames."""
    path, rng, sigma = wander(4000), np.random.default_rng(3), 0.01
    half = sigma * rng.standard_normal((4000, 3)) / 2
    turns = matrix_from_quat_xyzw(np.column_stack([half, np.ones(4000)]))
    poses = path.T_world_camera
    score = score_poses(trajectory(poses[..., :3] @ turns, poses[..., 3]), path)
    expected = np.degrees(sigma * np.sqrt(6))
    assert score.metrics.rpe_rotation_deg == pytest.approx(expected, rel=0.03)
    assert score.metrics.ate < 1e-9


def test_other_counts_are_paired_by_time():
    path = wander()
    kept = np.array([0, 3, 4, 10, 21, 39])
    times_s = path.timestamps_s[kept] + 0.004
    some = moved(Trajectory(path.timestamps_s[kept], path.T_world_camera[kept]))
    late = Trajectory(times_s, some.T_world_camera)
    for estimate, truth in (
        (late, path),
        (moved(path), Trajectory(times_s, path.T_world_camera[kept])),
    ):
        score = score_poses(estimate, truth)
        assert len(score) == 6 and score.pairing is PosePairing.TIMESTAMP
        assert (score.estimated_poses, score.true_poses) == (len(estimate), len(truth))
        assert score.metrics.ate < 1e-9


def pick(path, indices):
    return Trajectory(path.timestamps_s[indices], path.T_world_camera[indices])


def in_seconds(path, step=1 / 30):
    return Trajectory(path.timestamps_s * step, path.T_world_camera)


def test_equal_counts_of_one_clock_are_paired_by_time():
    """Thirty poses, of which five are lacking at the start of one path and the end of the other."""
    path = in_seconds(wander(30))
    early, late = pick(path, np.arange(25)), pick(path, np.arange(5, 30))
    for estimate, truth in ((early, late), (late, early)):
        score = score_poses(estimate, truth)
        assert score.pairing is PosePairing.TIMESTAMP
        assert len(score) == 20 and score.metrics.ate < 1e-9


def test_equal_counts_with_gaps_here_and_there_are_paired_by_time():
    path, rng = in_seconds(wander(100)), np.random.default_rng(0)
    one, other = (pick(path, np.sort(rng.choice(100, 80, replace=False))) for _ in range(2))
    score = score_poses(one, other)
    assert score.pairing is PosePairing.TIMESTAMP and score.metrics.ate < 1e-9


@pytest.mark.parametrize("count", [5, 40, 300])
@pytest.mark.parametrize("step", [1 / 30, 0.5, 3.0])
def test_frame_numbers_and_seconds_are_paired_by_order_though_some_coincide(count, step):
    path = wander(count)
    score = score_poses(moved(path), in_seconds(path, step))
    assert score.pairing is PosePairing.INDEX
    assert len(score) == count and score.metrics.ate < 1e-9


def test_poses_of_one_stamp_keep_their_partners():
    path = wander(10)
    path.timestamps_s[4] = path.timestamps_s[3]
    score = score_poses(path, path)
    assert len(score) == 10 and score.metrics.ate < 1e-9


def line(count=10):
    return trajectory(np.tile(np.eye(3), (count, 1, 1)), np.arange(count)[:, None] * [1.0, 2, 3])


def still(count=10):
    rng = np.random.default_rng(0)
    return trajectory(rotations(rng, count), np.tile([1e3, 2, 3.3], (count, 1)))


def cut(path, count):
    return Trajectory(path.timestamps_s[:count], path.T_world_camera[:count])


def later(path, seconds):
    return Trajectory(path.timestamps_s + seconds, path.T_world_camera)


def spoilt():
    path = wander(10)
    path.T_world_camera[4, 0, 3] = np.nan
    return path


def shuffled():
    path = wander(10)
    path.timestamps_s[[5, 6]] = path.timestamps_s[[6, 5]]
    return path


@pytest.mark.parametrize(
    ("estimate", "truth", "message"),
    [
        (still(), wander(10), "the estimated path has no motion: its 10 positions are the same"),
        (wander(10), still(), "the ground truth path has no motion"),
        (line(), wander(10), "the estimated path is a straight line"),
        (wander(10), line(), "the ground truth path is a straight line"),
        (wander(2), wander(2), "2 estimated and 2 true poses; at least 3 are needed"),
        (cut(wander(), 0), cut(wander(), 0), "0 estimated and 0 true poses"),
        (cut(wander(), 0), wander(), "0 estimated and 40 true poses, of which 0 lie within 0.01"),
        (later(wander(8), 0.5), wander(), "8 estimated and 40 true poses, of which 0 lie within"),
        (spoilt(), wander(10), r"the estimated path is not finite at pose 4 \(counted from 0\)"),
        (shuffled(), wander(10), "time stamps of the estimated path go back from 6.0.* at pose 6"),
    ],
)
def test_paths_that_leave_the_alignment_open_are_refused(estimate, truth, message):
    with pytest.raises(EvaluationError, match=message):
        score_poses(estimate, truth)


def test_a_flat_path_is_aligned():
    path = wander()
    path.T_world_camera[:, 2, 3] = 0
    assert score_poses(moved(path, 2.0), path).metrics.ate < 1e-9


def test_mirrored_paths_are_not_made_equal():
    path = wander()
    mirrored = path.T_world_camera.copy()
    mirrored[:, 0, 3] *= -1
    assert score_poses(Trajectory(path.timestamps_s, mirrored), path).metrics.ate > 0.5


def test_averages_are_plain_means():
    mean = average_pose_metrics([PoseMetrics(1.0, 2.0, 3.0), PoseMetrics(3.0, 2.0, 6.0)])
    assert mean.as_dict() == dict(zip(METRIC_KEYS, (2.0, 2.0, 4.5), strict=True))
    with pytest.raises(EvaluationError, match="no path was scored"):
        average_pose_metrics([])


def test_each_alignment_undoes_what_it_names_and_no_more():
    path = wander()
    turned = np.array([[0.0, -1, 0, 3], [1, 0, 0, 4], [0, 0, 1, 5]])
    rigid = Trajectory(path.timestamps_s, turned[:, :3] @ path.T_world_camera)
    rigid.T_world_camera[..., 3] += turned[:, 3]
    larger = Trajectory(path.timestamps_s, path.T_world_camera * [1, 1, 1, 2.0])
    left = {
        (align, name): score_poses(estimate, path, PoseComparison(align)).metrics.ate
        for align in PathAlign
        for name, estimate in (("same", path), ("rigid", rigid), ("larger", larger))
    }
    undone = {key for key, ate in left.items() if ate < 1e-9}
    assert undone == {
        *((align, "same") for align in PathAlign),
        (PathAlign.SIM3, "rigid"),
        (PathAlign.SE3, "rigid"),
        (PathAlign.SIM3, "larger"),
        (PathAlign.SCALE, "larger"),
    }
    assert score_poses(larger, path, PoseComparison(PathAlign.SE3)).scale == 1
    assert score_poses(larger, path, PoseComparison(PathAlign.SCALE)).scale == pytest.approx(0.5)


def test_an_offset_of_the_clocks_is_taken_out_and_the_tolerance_is_as_told():
    path = wander()
    late = Trajectory(path.timestamps_s[:-1] + 100.003, path.T_world_camera[:-1])
    with pytest.raises(EvaluationError, match=r"of which 0 lie within 0\.01 s"):
        score_poses(late, path)
    score = score_poses(late, path, PoseComparison(time_offset_s=-100.0))
    assert len(score) == len(path) - 1 and score.metrics.ate < 1e-9
    strict = PoseComparison(time_offset_s=-100.0, max_time_difference_s=0.001)
    with pytest.raises(EvaluationError, match=r"of which 0 lie within 0\.001 s"):
        score_poses(late, path, strict)


def test_a_straight_path_can_be_scored_as_it_is():
    positions = np.linspace([0.0, 0, 0], [1, 2, 3], 5)
    straight = trajectory(np.broadcast_to(np.eye(3), (5, 3, 3)), positions)
    assert score_poses(straight, straight, PoseComparison(PathAlign.NONE)).metrics.ate == 0
