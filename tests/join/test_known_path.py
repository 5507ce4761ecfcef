import numpy as np
import pytest
from box_windows import shaken, spans, walk, window_of

from page4d_cli.join.join import join_windows
from page4d_cli.join.known_path import KnownPath

PATH = walk(100)
METRES = np.array([1, 1, 1, 7.0])


@pytest.mark.parametrize("every", [1, 9])
def test_windows_follow_known_poses_in_their_world_and_unit(every):
    rng = np.random.default_rng(0)
    windows = [
        shaken(window_of(PATH, indices, 1.5**n, seed=n), rng)
        for n, indices in enumerate(spans(100, 20, 10))
    ]
    known = METRES * PATH
    frames = np.arange(0, 100, every)
    joined = join_windows(windows, known=KnownPath(frames, known[frames]))
    np.testing.assert_allclose(joined.T_world_camera[frames], known[frames], atol=1e-9)
    np.testing.assert_allclose(joined.T_world_camera, known, atol=0.15)
    expected = np.log(7.0) - np.log(1.5) * np.arange(len(windows))
    np.testing.assert_allclose(joined.log_scales, expected, atol=0.05)
    assert not joined.held_out[0].is_worse


def test_poses_of_another_path_are_told():
    windows = [window_of(PATH, indices) for indices in spans(100, 20, 10)]
    wrong = np.roll(walk(100, laps=2.0), 30, axis=0)
    joined = join_windows(windows, known=KnownPath(np.arange(100), wrong))
    assert joined.held_out[0].is_worse


def test_segments_that_are_known_share_a_world_and_others_keep_theirs():
    windows = [window_of(PATH, np.arange(a, a + 20), 2.0, seed=a) for a in (0, 20, 40)]
    frames = np.arange(38)
    joined = join_windows(windows, known=KnownPath(frames, PATH[frames]))
    assert joined.segment_starts == [0, 40]
    np.testing.assert_allclose(joined.T_world_camera[:38], PATH[:38], atol=1e-9)


def test_one_pose_is_too_few():
    windows = [window_of(PATH, indices) for indices in spans(100, 20, 10)]
    joined = join_windows(windows, known=KnownPath(np.array([3]), PATH[3:4]))
    np.testing.assert_array_equal(joined.T_world_camera, join_windows(windows).T_world_camera)
