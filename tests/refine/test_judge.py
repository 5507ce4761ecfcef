from dataclasses import replace

import numpy as np
import pytest
from seen_points import moved, sightings, true_scene

from page4d_cli.refine.adjust import State
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.judge import _jumps, _shared_by_pairs, explains_better, judge

LIMIT_PX = 2.0


@pytest.fixture
def case():
    cameras, points = true_scene()
    return cameras, points, sightings(cameras, points)


def test_better_cameras_are_taken(case):
    cameras, points, tracks = case
    verdict = judge(tracks, tracks, moved(cameras, 3.0), State(cameras, points), LIMIT_PX)
    assert verdict.is_taken.all() and verdict.refusal is None
    assert verdict.after_px < 1e-3 < 1 < verdict.before_px


def test_worse_cameras_are_refused(case):
    cameras, points, tracks = case
    verdict = judge(tracks, tracks, cameras, State(moved(cameras, 0.2), points), 50.0)
    assert "worse than before" in verdict.refusal and not verdict.is_taken.any()


def test_a_frame_that_is_explained_worse_stays(case):
    cameras, points, tracks = case
    before, after = moved(cameras, 3.0), cameras.T_camera_world.copy()
    before.T_camera_world[1:4] = after[1:4]
    after[2] = moved(cameras, 1.0).T_camera_world[2]
    state = State(replace(cameras, T_camera_world=after), points)
    verdict = judge(tracks, tracks, before, state, 50.0)
    assert verdict.refusal is None and list(verdict.refused) == [2]
    assert list(np.flatnonzero(~verdict.is_taken)) == [2]


def test_a_focal_length_that_ran_away_is_refused(case):
    cameras, points, tracks = case
    near = replace(cameras, intrinsics=cameras.intrinsics.copy())
    near.intrinsics[:, [0, 1], [0, 1]] /= 1.7
    verdict = judge(tracks, tracks, near, State(cameras, points), LIMIT_PX)
    assert "ran away to 1.70 times" in verdict.refusal


def test_a_frame_that_jumps_stays(case):
    cameras, _, _ = case
    still = np.repeat(cameras.T_camera_world[:1], 9, 0)
    still[:, 0, 3] += np.linspace(0, 0.1, 9)
    before = Cameras(still, cameras.intrinsics, np.zeros(9, np.int64), cameras.k1)
    jumping = replace(before, T_camera_world=still.copy())
    jumping.T_camera_world[4, 1, 3] += 0.3
    assert _jumps(before, jumping) == [4]
    assert _jumps(jumping, jumping) == [] == _jumps(before, before)


def test_frames_that_only_the_network_ties_together_are_not_mixed(case):
    cameras, points, tracks = case
    half = len(points) // 2
    apart = tracks.only((tracks.frame < 3) == (tracks.point < half))
    verdict = judge(apart, apart, moved(cameras, 3.0), State(cameras, points), LIMIT_PX)
    assert list(verdict.is_supported) == [True, True, True, False, False]


def test_the_better_of_two_is_known(case):
    cameras, _, tracks = case
    worse = moved(cameras, 0.2)
    assert explains_better(tracks, worse, cameras, LIMIT_PX)
    assert not explains_better(tracks, cameras, worse, LIMIT_PX)
    assert not explains_better(tracks, worse, worse, LIMIT_PX)


def test_nothing_to_judge_by_is_refused(case):
    cameras, points, tracks = case
    none = tracks.only(np.zeros(len(tracks.point), bool))
    verdict = judge(none, none, cameras, State(cameras, points[:0]), LIMIT_PX)
    assert "too few" in verdict.refusal and verdict.after_px is None


def test_two_sightings_that_disagree_are_equally_wrong(case):
    cameras, points, tracks = case
    pairs = sightings(cameras, points, frames=2)
    of_one = np.where(pairs.frame == 0, 0.0, 10.0)
    np.testing.assert_allclose(_shared_by_pairs(pairs, of_one), 5.0)
    of_one = np.where(tracks.frame == 0, 0.0, 10.0)  # here three others say who is right
    np.testing.assert_array_equal(_shared_by_pairs(tracks, of_one), of_one)


def test_one_camera_alone_is_not_taken(case, monkeypatch):
    cameras, points, tracks = case
    monkeypatch.setattr("page4d_cli.refine.judge._jumps", lambda *_: [0, 1, 3, 4])
    verdict = judge(tracks, tracks, moved(cameras, 3.0), State(cameras, points), LIMIT_PX)
    assert "fewer than two" in verdict.refusal and not verdict.is_taken.any()
