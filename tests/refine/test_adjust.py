from dataclasses import replace

import numpy as np
import pytest
from refinable_run import rotation_error_deg
from seen_points import FRAMES, moved, sightings, true_scene

from page4d_cli.refine.adjust import (
    State,
    _Adjustment,
    adjust,
    adjust_points,
    errors_px,
    place_points,
    triangulate,
)
from page4d_cli.refine.cameras import Freedom, backproject

ALONE = FRAMES - 1
"""A frame that sees nothing."""


@pytest.fixture
def scene():
    cameras, points = true_scene()
    return cameras, points, sightings(cameras, points, ALONE)


def test_exact_sightings_bring_back_rotation_and_focal_length(scene):
    cameras, points, tracks = scene
    network = moved(cameras, 3.0)
    begin = State(network, points + np.random.default_rng(2).normal(0, 0.05, points.shape))
    after = adjust(tracks, begin, network, 1.0)
    assert np.median(errors_px(tracks, begin)) > 5 > 0.05 > errors_px(tracks, after).max()
    seen = slice(0, ALONE)
    found = after.cameras.T_camera_world[seen]
    assert rotation_error_deg(cameras.T_camera_world[seen], found) < 0.02
    assert after.cameras.intrinsics[0, 0, 0] == pytest.approx(300, rel=1e-3)


def test_a_frame_that_sees_nothing_stays(scene):
    cameras, points, tracks = scene
    network = moved(cameras, 3.0)
    after = adjust(tracks, State(network, points), network, 1.0)
    same = after.cameras.T_camera_world[ALONE]
    np.testing.assert_allclose(same, network.T_camera_world[ALONE], atol=1e-9)


def test_wrong_sightings_hardly_count(scene):
    cameras, points, tracks = scene
    pixels = tracks.pixels.copy()
    wrong = np.random.default_rng(3).choice(len(pixels), len(pixels) // 7, replace=False)
    pixels[wrong] += np.random.default_rng(4).uniform(-60, 60, (len(wrong), 2))
    after = adjust(replace(tracks, pixels=pixels), State(cameras, points), cameras, 0.5)
    seen = slice(0, ALONE)
    found = after.cameras.T_camera_world[seen]
    assert rotation_error_deg(cameras.T_camera_world[seen], found) < 0.05


def test_the_gradient_is_that_of_the_cost(scene):
    cameras, points, tracks = scene
    network = moved(cameras, 1.0)
    bent = replace(moved(cameras, 1.5), k1=np.array([-0.08]))
    state = State(bent, points * 1.02)
    adjustment = _Adjustment(tracks, network, 4.0, Freedom(distortion=True))
    equations = adjustment._equations(state)
    gradient = equations.gradient
    for number in (0, 4, 11, 20, 6 * FRAMES, 6 * FRAMES + 1):
        cost = []
        for step in (1e-5, -1e-5):
            move = np.zeros(6 * FRAMES + 2)
            move[number] = step
            cost.append(adjustment._cost(adjustment.moved(state.cameras, state.points, move)))
        slope = (cost[0] - cost[1]) / 2e-5
        assert slope == pytest.approx(2 * gradient[number], rel=1e-2, abs=1)
    for axis in range(3):
        ahead, behind = points.copy() * 1.02, points.copy() * 1.02
        ahead[7, axis] += 1e-6
        behind[7, axis] -= 1e-6
        costs = [adjustment._cost(replace(state, points=each)) for each in (ahead, behind)]
        slope = (costs[0] - costs[1]) / 2e-6
        assert slope == pytest.approx(2 * equations.of_points.along[7, axis], rel=1e-3, abs=1e-2)


def test_a_known_focal_length_stays_to_the_bit(scene):
    cameras, points, tracks = scene
    network = replace(moved(cameras, 3.0), intrinsics=cameras.intrinsics)
    begin = State(network, points)
    held, free = (adjust(tracks, begin, network, 1.0, Freedom(focal)) for focal in (False, True))
    np.testing.assert_array_equal(held.cameras.intrinsics, cameras.intrinsics)
    assert not np.array_equal(free.cameras.intrinsics, cameras.intrinsics)
    seen = slice(0, ALONE)
    true = cameras.T_camera_world[seen]
    errors = [rotation_error_deg(true, each.cameras.T_camera_world[seen]) for each in (held, free)]
    assert max(errors) < 1e-4


@pytest.mark.parametrize("k1", [-0.1, 0.05])
def test_distortion_is_found_where_it_may_be(k1):
    cameras, points = true_scene()
    bent = replace(cameras, k1=np.array([k1]))
    tracks = sightings(bent, points, ALONE)
    network = moved(cameras, 3.0)
    begin = State(network, points)
    found, none = (
        adjust(tracks, begin, network, 1.0, Freedom(distortion=d)) for d in (True, False)
    )
    assert found.cameras.k1[0] == pytest.approx(k1, abs=0.002) and none.cameras.k1[0] == 0
    seen = slice(0, ALONE)
    errors = [
        rotation_error_deg(cameras.T_camera_world[seen], each.cameras.T_camera_world[seen])
        for each in (found, none)
    ]
    assert errors[0] < 0.2 * errors[1]


def test_points_are_where_a_bent_lens_shows_them():
    cameras, points = true_scene()
    bent = replace(cameras, k1=np.array([-0.1]))
    tracks = sightings(bent, points)
    assert errors_px(tracks, State(bent, points)).max() < 1e-9
    world = backproject(bent, tracks.frame, tracks.pixels, tracks.depth)
    np.testing.assert_allclose(world, points[tracks.point], atol=1e-6)


def test_rays_meet_in_their_point_whatever_depth_is_told(scene):
    cameras, points, tracks = scene
    wrong = replace(tracks, depth=tracks.depth * 3)
    np.testing.assert_allclose(triangulate(wrong, cameras), points, atol=1e-6)


def test_points_far_from_where_depth_puts_them_are_found_from_their_rays(scene):
    cameras, _, tracks = scene
    wrong = replace(tracks, depth=tracks.depth * 10)
    state = State(cameras, place_points(wrong, cameras))
    assert errors_px(wrong, adjust_points(wrong, state, 0.5)).max() < 0.1
