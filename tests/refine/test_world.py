from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation
from seen_points import FRAMES, sightings, true_scene

from page4d_cli.refine.adjust import State, errors_px
from page4d_cli.refine.world import laid_over


def test_a_turn_and_shift_of_everything_is_undone_by_the_frames_that_are_chosen():
    cameras, points = true_scene()
    tracks = sightings(cameras, points)
    turn = Rotation.from_rotvec([0.1, 0.3, -0.2]).as_matrix()
    poses = cameras.T_camera_world.copy()
    poses[:, :, :3] = poses[:, :, :3] @ turn.T
    poses[:, :, 3] -= poses[:, :, :3] @ [0.3, -0.2, 0.1]
    away = State(replace(cameras, T_camera_world=poses), points @ turn.T + [0.3, -0.2, 0.1])
    network = cameras.T_camera_world.copy()
    network[-1] = np.eye(4)[:3]
    chosen = np.arange(FRAMES) < FRAMES - 1
    back = laid_over(away, replace(cameras, T_camera_world=network), chosen)
    np.testing.assert_allclose(back.cameras.T_camera_world, cameras.T_camera_world, atol=1e-9)
    assert errors_px(tracks, away).max() < 1e-9 > errors_px(tracks, back).max()
    assert laid_over(away, cameras, np.zeros(FRAMES, bool)) is away
