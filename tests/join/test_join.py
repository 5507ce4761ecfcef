import numpy as np
import pytest
from box_windows import (
    as_first_world,
    shaken,
    spans,
    walk,
    window_of,
    with_path,
)

from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.core.window import Window
from page4d_cli.join.join import join_windows


def exact(path, window=20, overlap=10, seed=0):
    scales = np.exp(np.random.default_rng(seed).normal(0, 0.5, 1000))
    cut = spans(len(path), window, overlap)
    return [window_of(path, i, scales[n] / scales[0], seed=n) for n, i in enumerate(cut)], scales


@pytest.mark.parametrize(
    ("count", "window", "overlap"),
    [
        (60, 20, 10),
        (60, 20, 3),
        (61, 20, 10),
        (21, 20, 10),
        (60, 20, 19),
        (20, 20, 10),
        (1, 20, 10),
    ],
)
def test_exact_windows_give_the_exact_path_every_frame_once(count, window, overlap):
    path = walk(count)
    windows, scales = exact(path, window, overlap)
    joined = join_windows(windows)
    assert len(joined.T_world_camera) == count and not joined.segment.any()
    np.testing.assert_allclose(joined.T_world_camera, as_first_world(path), atol=3e-3)
    expected = np.log(scales[0] / scales[: len(windows)])
    np.testing.assert_allclose(joined.log_scales, expected, atol=3e-3)


def test_one_shared_frame_tells_the_scale_by_its_depth():
    path = walk(39)
    windows, _ = exact(path, 20, 1)
    np.testing.assert_allclose(
        join_windows(windows).T_world_camera, as_first_world(path), atol=1e-5
    )


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_results_do_not_depend_on_the_unit(factor):
    path = walk(60)
    rng = np.random.default_rng(5)
    windows, _ = exact(path)
    noisy = [shaken(window, rng) for window in windows]
    plain = join_windows(noisy).T_world_camera
    scaled = join_windows([in_unit(window, factor) for window in noisy]).T_world_camera
    np.testing.assert_allclose(scaled[..., :3], plain[..., :3], atol=1e-6)
    np.testing.assert_allclose(scaled[..., 3] / factor, plain[..., 3], atol=1e-6)


def test_a_camera_that_stands_still_stays_finite_and_still():
    path = np.repeat(walk(1), 50, 0)
    windows, _ = exact(path)
    joined = join_windows(windows)
    assert np.isfinite(joined.T_world_camera).all()
    assert np.abs(joined.T_world_camera[..., 3]).max() < 1e-6


def test_a_hard_cut_begins_a_segment_at_its_frame_and_nothing_else_does():
    first, second = walk(47), walk(40, laps=-1.0, radius=0.4)
    path = np.concatenate([first, second])
    windows = [
        put_apart(window_of(path, indices, 1.0, seed=n), 47, seed=n)
        for n, indices in enumerate(spans(len(path), 20, 10))
    ]
    joined = join_windows(windows)
    np.testing.assert_array_equal(joined.segment, np.arange(len(path)) >= 47)
    np.testing.assert_allclose(
        joined.T_world_camera[47:], as_first_world(second) * unit(joined, second), atol=1e-5
    )


def test_a_cut_that_one_window_alone_sees_is_found():
    path = np.concatenate([walk(43), walk(40, laps=-1.0, radius=0.4)])
    windows = [
        put_apart(window_of(path, indices, 1.0, seed=n), 43, seed=n)
        for n, indices in enumerate(spans(len(path), 10, 2))
    ]
    np.testing.assert_array_equal(join_windows(windows).segment, np.arange(len(path)) >= 43)


def test_a_way_of_noise_says_nothing_of_the_unit():
    """The camera hardly moves between the two frames that windows share; their depth tells."""
    path = walk(16, laps=0.001)
    rng = np.random.default_rng(2)
    windows = []
    for number, indices in enumerate(spans(16, 6, 2)):
        window = window_of(path, indices, 1.0, seed=number)
        moved = window.cameras.T_world_camera.copy()
        moved[..., 3] += 0.05 * rng.normal(size=(len(moved), 3))
        windows.append(with_path(window, moved))
    np.testing.assert_allclose(join_windows(windows).log_scales, 0, atol=0.05)


def test_windows_that_share_nothing_are_segments():
    path = walk(40)
    windows = [window_of(path, np.arange(20)), window_of(path, np.arange(20, 40), 2.0)]
    assert join_windows(windows).segment.tolist() == [0] * 20 + [1] * 20


def unit(joined, path):
    """Factors of (3, 4) poses: a segment behind a cut has a unit of its own."""
    mine, true = joined.T_world_camera[47:, :, 3], as_first_world(path)[..., 3]
    return np.array([1.0, 1, 1, np.linalg.norm(mine) / np.linalg.norm(true)])


def in_unit(window, factor):
    extrinsics = window.T_camera_world.copy()
    extrinsics[..., 3] *= factor
    depth = (window.depth * np.float32(factor)).astype(np.float32)
    return Window(window.indices, depth, window.intrinsics, extrinsics)


def put_apart(window, cut, seed):
    """Put the frames from a cut on somewhere else, as a network does that cannot know better."""
    rng = np.random.default_rng([seed, 1])
    path = window.cameras.T_world_camera.copy()
    later = window.indices >= cut
    turn = matrix_from_quat_xyzw(np.array([*rng.normal(size=3), 1.0]))
    path[later, :, :3] = turn @ path[later, :, :3]
    path[later, :, 3] = path[later, :, 3] @ turn.T + 3 * rng.normal(size=3)
    return with_path(window, path)
