"""A known focal length is the run's, and points stay where they can."""

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Save
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import camera_points_from_depth
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.io.run.directory import open_run
from page4d_cli.join.choice import FocalChoice, WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.known_focal import depth_factors
from page4d_cli.pipelines.infer.run import RunOptions, write_run
from page4d_cli.pipelines.infer.scenes import infer_scenes
from page4d_cli.pipelines.infer.windows import write_run_in_windows
from page4d_cli.pipelines.scale.source import parse_scale_source

TRUE_PX = (97.5, 101.0)
SIZE = (42, 56)
K = np.array([[50.0, 0, 28], [0, 52, 21], [0, 0, 1]])[None]


def known(window=None, overlap=None, **more):
    windows = WindowChoice(window, overlap, focal=FocalChoice(known_px=TRUE_PX))
    return RunOptions(frozenset({Save.CAMERAS, Save.DEPTH}), windows=windows, **more)


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clip").mkdir()
    rng = np.random.default_rng(0)
    for index in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture.resize((112, 84)).save(tmp_path / f"clip/{index:06d}.png")
    return load_frames(tmp_path / "clip", size=56)


def test_points_move_least_with_this_factor():
    wider = K * np.array([[0.8], [0.7], [1.0]])
    wider[:, :2, 2] = K[:, :2, 2]
    (found,) = depth_factors(K, wider, SIZE)
    before = camera_points_from_depth(np.ones((1, *SIZE)), K)

    def moved(factor):
        after = camera_points_from_depth(np.full((1, *SIZE), factor), wider)
        return ((after - before) ** 2).sum()

    assert found < 1  # what is seen farther aside comes nearer
    assert moved(found) < min(moved(found - 1e-3), moved(found + 1e-3), moved(1.0))


def test_the_same_focal_length_changes_no_depth_and_none_that_is_usable_neither():
    lost = np.concatenate([K, np.where(K == 50, np.inf, K), np.where(K == 50, np.nan, K)])
    after = np.concatenate([K, K, K])
    np.testing.assert_allclose(depth_factors(lost, after, SIZE), 1)


def test_one_pass(model, clip, tmp_path):
    plain = RunOptions(frozenset({Save.CAMERAS, Save.DEPTH}))
    write_run(model, clip, tmp_path / "a", plain)
    manifest = write_run(model, clip, tmp_path / "b", known())
    before, after = open_run(tmp_path / "a"), open_run(tmp_path / "b")
    assert manifest.focal_px == TRUE_PX
    np.testing.assert_allclose(after.intrinsics_source()[:, [0, 1], [0, 1]], [TRUE_PX] * 5)
    np.testing.assert_array_equal(before.extrinsics(), after.extrinsics())
    both = (run.intrinsics().astype(float) for run in (before, after))
    for index, factor in enumerate(depth_factors(*both, clip.size)):
        np.testing.assert_allclose(after.depth(index), factor * before.depth(index), rtol=1e-5)


def test_windows_are_stored_and_joined_with_it(model, clip, tmp_path):
    options = known(3, 2)
    write_run_in_windows(model, clip, options.windows.spans(5), tmp_path / "run", options)
    run = open_run(tmp_path / "run")
    np.testing.assert_allclose(run.intrinsics_source()[:, [0, 1], [0, 1]], [TRUE_PX] * 5, rtol=1e-6)
    with np.load(tmp_path / "run/windows/000000-000002.npz") as window:
        np.testing.assert_allclose(window["intrinsics"], run.intrinsics()[:3], rtol=1e-6)


def test_metres_and_focal_length_together(model, clip, tmp_path):
    metres = parse_scale_source("distance:000000,000004=1.5")
    write_run(model, clip, tmp_path / "a", known())
    write_run(model, clip, tmp_path / "b", known(scale_from=metres))
    relative, metric = open_run(tmp_path / "a"), open_run(tmp_path / "b")
    factor = metric.manifest.scale[0].factor
    np.testing.assert_allclose(metric.depth(3), factor * relative.depth(3), rtol=1e-5)
    np.testing.assert_array_equal(metric.intrinsics(), relative.intrinsics())


@pytest.mark.usefixtures("clip")
def test_millimetres_are_refused_before_any_work(tmp_path):
    options = RunOptions(windows=WindowChoice(focal=FocalChoice.parse("8")))
    with pytest.raises(InputError, match=r"--focal 8: a picture of 112×84.*not millimetres"):
        infer_scenes(
            [str(tmp_path / "clip")], tmp_path / "out", model=ModelChoice("tiny"), options=options
        )
    assert not (tmp_path / "out").exists()
