"""A run in metres is the relative one with all lengths multiplied."""

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import LengthUnit, Save
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.io.run.directory import open_run
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.run import RunOptions, write_run
from page4d_cli.pipelines.infer.scenes import infer_scenes
from page4d_cli.pipelines.infer.windows import write_run_in_windows
from page4d_cli.pipelines.rejoin.rejoin import RejoinOptions, rejoin
from page4d_cli.pipelines.scale.source import parse_scale_source

METRES = parse_scale_source("distance:000000,000004=1.5")
SAVE = frozenset({Save.CAMERAS, Save.DEPTH})


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clip").mkdir()
    rng = np.random.default_rng(0)
    for index in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture.resize((56, 42)).save(tmp_path / f"clip/{index:06d}.png")
    return load_frames(tmp_path / "clip", size=56)


def assert_in_metres(metric, relative):
    centres = invert_rigid(metric.extrinsics().astype(float))[..., 3]
    assert np.linalg.norm(centres[0] - centres[4]) == pytest.approx(1.5, rel=1e-4)
    (scale,) = metric.manifest.scale
    assert metric.manifest.unit is LengthUnit.METRES and scale.source == METRES.text
    expected = relative.extrinsics() * np.array([1, 1, 1, scale.factor])
    np.testing.assert_allclose(metric.extrinsics(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(metric.intrinsics(), relative.intrinsics())
    for index in range(5):
        np.testing.assert_allclose(
            metric.depth(index), scale.factor * relative.depth(index), rtol=1e-5
        )
    header = (metric.directory / "trajectory.txt").read_text()
    assert "unit of length: metres\n" in header


def test_one_pass(model, clip, tmp_path):
    save = SAVE | {Save.POINTS}
    write_run(model, clip, tmp_path / "a", RunOptions(save))
    write_run(model, clip, tmp_path / "b", RunOptions(save, scale_from=METRES))
    relative, metric = open_run(tmp_path / "a"), open_run(tmp_path / "b")
    assert_in_metres(metric, relative)
    factor = metric.manifest.scale[0].factor
    np.testing.assert_allclose(metric.points(1), factor * relative.points(1), rtol=1e-5)


def test_windows_and_the_same_windows_joined_again(model, clip, tmp_path):
    spans = WindowChoice(3, 2).spans(5)
    write_run_in_windows(model, clip, spans, tmp_path / "a", RunOptions(SAVE))
    write_run_in_windows(model, clip, spans, tmp_path / "b", RunOptions(SAVE, scale_from=METRES))
    relative, metric = open_run(tmp_path / "a"), open_run(tmp_path / "b")
    assert_in_metres(metric, relative)
    rejoined = rejoin(tmp_path / "a", tmp_path / "c", RejoinOptions(scale_from=METRES))
    assert rejoined.scale == metric.manifest.scale
    assert rejoined.about["unit"] == "metres"
    assert rejoined.about["windows"] == metric.manifest.joining["windows"]


def test_what_says_nothing_in_the_end_does_not_cost_the_run(clip, tmp_path):
    """Random weights see no ground; and a kept run is told of again."""
    assert len(clip) == 5
    options = RunOptions(SAVE, scale_from=parse_scale_source("height:1.65"))

    def run(**more):
        infer_scenes(
            [str(tmp_path / "clip")],
            tmp_path / "out",
            model=ModelChoice("random", device="cpu"),
            frames=FrameChoice(max_frames=1),
            options=options,
            **more,
        )

    for more in ({}, {"resume": True}):
        with pytest.raises(InputError, match=r"out is written, and lengths are not metres: height"):
            run(**more)
    manifest = open_run(tmp_path / "out").manifest
    assert manifest.unit is LengthUnit.RELATIVE and not manifest.scale
    assert any("the ground is seen in 0 of 1 frames" in problem for problem in manifest.problems)


def test_what_says_nothing_at_once_costs_no_work(clip, tmp_path):
    assert len(clip) == 5
    options = RunOptions(SAVE, scale_from=parse_scale_source("distance:0,9=1"))
    with pytest.raises(InputError, match="9 is none of the 5 frames"):
        infer_scenes(
            [str(tmp_path / "clip")],
            tmp_path / "out",
            model=ModelChoice("random", device="cpu"),
            options=options,
        )
    assert not (tmp_path / "out").exists()
