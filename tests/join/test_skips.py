import numpy as np
import pytest
from box_windows import as_first_world, error, shaken, spans, walk, window_of

from page4d_cli.join.join import join_windows

STEP = 4


def skipping(path, noise=None, **sizes):
    """Windows of every fourth frame, each in a unit of its own."""
    found = []
    for number, numbers in enumerate(spans(len(path[::STEP]), 20, 10)):
        window = window_of(path, numbers * STEP, 0.5 + 0.3 * number, seed=number)
        found.append(window if noise is None else shaken(window, noise, **sizes))
    return found


@pytest.mark.parametrize("count", [100, 157])
def test_exact_windows_stay_exact(count):
    path = walk(count)
    windows = [window_of(path, i, 1.1**n, seed=n) for n, i in enumerate(spans(count, 20, 10))]
    joined = join_windows(windows, skips=skipping(path))
    np.testing.assert_allclose(joined.T_world_camera, as_first_world(path), atol=3e-3)
    factors = -np.log(1.1) * np.arange(len(windows))
    np.testing.assert_allclose(joined.log_scales, factors, atol=5e-3)


def test_windows_that_see_farther_mend_what_the_chain_adds_up():
    path = walk(240, laps=2.0)
    ratios = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        windows = [
            shaken(window_of(path, i, seed=n), rng, turn=0.01)
            for n, i in enumerate(spans(len(path), 20, 10))
        ]
        skips = skipping(path, rng, turn=0.01)
        assert len(skips) <= 0.3 * len(windows)
        plain, mended = join_windows(windows), join_windows(windows, skips=skips)
        ratios.append(error(mended.T_world_camera, path) / error(plain.T_world_camera, path))
    assert np.median(ratios) < 0.8


def test_those_that_contradict_one_another_hardly_count():
    path = walk(240, laps=2.0)
    rng = np.random.default_rng(0)
    windows = [
        shaken(window_of(path, i, seed=n), rng) for n, i in enumerate(spans(len(path), 20, 10))
    ]
    plain = error(join_windows(windows).T_world_camera, path)
    bad = join_windows(windows, skips=skipping(path, rng, turn=0.2))
    assert error(bad.T_world_camera, path) < 1.2 * plain


def test_of_another_scene_or_too_short_they_change_nothing():
    path = walk(60)
    windows = [window_of(path, i, seed=n) for n, i in enumerate(spans(60, 20, 10))]
    elsewhere = window_of(np.tile(walk(1), (400, 1, 1)), np.arange(200, 400, STEP))
    few = window_of(path, np.array([0, 4, 8]))
    plain = join_windows(windows).T_world_camera
    for skip in (elsewhere, few):
        np.testing.assert_array_equal(join_windows(windows, skips=[skip]).T_world_camera, plain)
