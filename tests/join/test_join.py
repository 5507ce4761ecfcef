import numpy as np
import pytest
from box_windows import as_first_world, spans, walk, window_of

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


def test_loops_mend_drift_and_false_ones_are_refused():
    path = walk(160, laps=2.0)
    rng = np.random.default_rng(1)
    windows = [
        shaken(window_of(path, indices, seed=n), rng, turn=0.01)
        for n, indices in enumerate(spans(160, 40, 20))
    ]
    true = [looks(path, path, later, later - 80) for later in (90, 110, 130, 150)]
    false = [looks(path, path, later, later - 40) for later in (100, 140)]
    shifted = path.copy()
    shifted[:60, :, 3] += [0.3, 0.0, -0.3]
    alike = [looks(path, shifted, later, later - 80) for later in (95, 115)]
    without = error(join_windows(windows).T_world_camera, path)
    joined = join_windows(windows, [*true, *false, *alike])
    verdicts = {verdict.frames: verdict for verdict in joined.loops}
    assert all(verdicts[(later, later - 80)].taken for later in (90, 110, 130, 150))
    assert not any(verdicts[(later, later - 40)].taken for later in (100, 140))
    assert error(joined.T_world_camera, path) < 0.65 * without


def unit(joined, path):
    """Factors of (3, 4) poses: a segment behind a cut has a unit of its own."""
    mine, true = joined.T_world_camera[47:, :, 3], as_first_world(path)[..., 3]
    return np.array([1.0, 1, 1, np.linalg.norm(mine) / np.linalg.norm(true)])


def shaken(window, rng, turn=0.002):
    """The window with a drifting camera."""
    path = window.cameras.T_world_camera.copy()
    drift = np.cumsum(rng.normal(0, turn, (len(path), 3)), 0)
    quat = np.concatenate([drift / 2, np.ones((len(path), 1))], 1)
    path[..., :3] = path[..., :3] @ matrix_from_quat_xyzw(quat)
    path[..., 3] += np.cumsum(rng.normal(0, 1e-3, (len(path), 3)), 0)
    return with_path(window, path)


def with_path(window, T_world_camera):
    from page4d_cli.core.geometry import invert_rigid

    return Window(window.indices, window.depth, window.intrinsics, invert_rigid(T_world_camera))


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


def looks(path, other, later, earlier):
    """A window of two looks, the second as if it were on another path."""
    both = path.copy()
    run = np.arange(earlier - 4, earlier + 4)
    both[run] = other[run]
    indices = np.concatenate([np.arange(later - 4, later + 4), run])
    window = window_of(path, indices, 0.7, seed=later)
    return with_path(window, window_of(both, indices, 0.7, seed=later).cameras.T_world_camera)


def error(estimate, path):
    """Root mean square of positions after the best similarity."""
    a, b = estimate[..., 3] - estimate[..., 3].mean(0), path[..., 3] - path[..., 3].mean(0)
    u, singular, v = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    scale = (singular * sign).sum() / (a**2).sum()
    return np.sqrt(((scale * a @ ((u * sign) @ v).T - b) ** 2).sum(1).mean())
