from dataclasses import replace

import numpy as np
import pytest
from seen_points import FRAMES, sightings, true_scene

from page4d_cli.refine.adjust import State
from page4d_cli.refine.bodies import stands


@pytest.fixture
def still():
    cameras, points = true_scene()
    return sightings(cameras, points), State(cameras, points)


def test_a_body_is_left_out_with_those_of_its_points_that_agree_by_chance(still):
    tracks, state = still
    middle = tracks.pixels[tracks.point == 0].mean(0)
    centres = np.stack([tracks.pixels[tracks.point == point].mean(0) for point in range(60)])
    body = np.argsort(np.linalg.norm(centres - middle, axis=1))[:16]
    moving = np.isin(tracks.point, body[::2])
    pixels = tracks.pixels + 3.0 * (tracks.frame * moving)[:, None]
    told = stands(replace(tracks, pixels=pixels), state)
    rest = np.setdiff1d(np.arange(60), body)
    assert told[body].mean() < 0.3 < 0.8 < told[rest].mean()


def test_a_lone_wrong_match_is_no_body(still):
    tracks, state = still
    pixels = tracks.pixels.copy()
    pixels[7] += 40
    assert stands(replace(tracks, pixels=pixels), state).all()


def test_a_frame_whose_camera_is_wrong_accuses_nobody(still):
    tracks, state = still
    cameras = state.cameras
    poses = cameras.T_camera_world.copy()
    poses[FRAMES - 1, 0, 3] += 0.02
    assert stands(tracks, replace(state, cameras=replace(cameras, T_camera_world=poses))).all()
