import numpy as np
import pytest
from box_windows import error, looks, shaken, spans, walk, window_of

from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.join import closing
from page4d_cli.join.closing import Loop
from page4d_cli.join.join import join_windows

PATH = walk(160, laps=2.0)


@pytest.fixture(scope="module")
def windows():
    """Two laps whose cameras drift."""
    rng = np.random.default_rng(1)
    return [
        shaken(window_of(PATH, indices, seed=n), rng, turn=0.01)
        for n, indices in enumerate(spans(160, 40, 20))
    ]


@pytest.fixture(scope="module")
def without(windows):
    return join_windows(windows).T_world_camera


def test_loops_mend_drift_and_false_ones_are_refused(windows, without):
    true = [looks(PATH, PATH, later, later - 80) for later in (90, 110, 130, 150)]
    false = [looks(PATH, PATH, later, later - 40) for later in (100, 140)]
    shifted = PATH.copy()
    shifted[:60, :, 3] += [0.3, 0.0, -0.3]
    alike = [looks(PATH, shifted, later, later - 80) for later in (95, 115)]
    joined = join_windows(windows, [Loop.of(window) for window in (*true, *false, *alike)])
    verdicts = {verdict.frames: verdict for verdict in joined.loops}
    assert all(verdicts[(later, later - 80)].taken for later in (90, 110, 130, 150))
    assert not any(verdicts[(later, later - 40)].taken for later in (100, 140))
    assert error(joined.T_world_camera, PATH) < 0.65 * error(without, PATH)
    assert joined.held_out[0].after > 0.97 * joined.held_out[0].before


def test_loops_that_tear_windows_apart_are_taken_back(windows, without, monkeypatch):
    """Nothing else speaks against them: they agree with one another, and the graph believes all."""
    monkeypatch.setattr(closing, "close_loops", believing(closing.close_loops))
    turned = PATH.copy()
    turn = matrix_from_quat_xyzw(np.array([0.0, 0.6, 0.0, 0.8]))
    turned[:60] = turn @ PATH[:60]
    wrong = [Loop.of(looks(PATH, turned, later, later - 80)) for later in (95, 115)]
    monkeypatch.setattr(closing, "agreement", lambda _: 1.0)
    joined = join_windows(windows, wrong)
    assert [verdict.taken for verdict in joined.loops] == [False, False]
    assert all("held-out pixels" in verdict.reason for verdict in joined.loops)
    np.testing.assert_array_equal(joined.T_world_camera, without)


def test_a_loop_that_is_given_is_taken_whatever_speaks_against_it(windows, without):
    shifted = PATH.copy()
    shifted[:60, :, 3] += [0.3, 0.0, -0.3]
    window = looks(PATH, shifted, 115, 35)
    found, given = (join_windows(windows, [Loop.of(window, is_given=g)]) for g in (False, True))
    assert given.loops[0].taken and given.loops[0].reason == "given"
    moved = np.abs(given.T_world_camera[..., 3] - without[..., 3]).max()
    assert moved > 2 * np.abs(found.T_world_camera[..., 3] - without[..., 3]).max()


def believing(close_loops):
    """Closing without a kernel: every loop counts in full."""

    def close(nodes, path, loops):
        closed, _ = close_loops(nodes, path + loops, loops)
        return closed, np.ones(len(loops))

    return close
