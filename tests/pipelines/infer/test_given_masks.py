"""Masks that are given come out of the run again, and nothing is joined by what they leave out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Head, MotionPart, Precision, Save
from page4d_cli.core.errors import InputError, RunError
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.io.run.directory import open_run
from page4d_cli.io.run.windows import read_window
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.model.weights import load_model
from page4d_cli.pipelines.infer.predict import cameras, encode_clip
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.scenes import infer_scenes
from page4d_cli.pipelines.infer.windows import write_run_in_windows
from page4d_cli.pipelines.motion.motion import known_masks, write_motion
from page4d_cli.pipelines.stored_run.clip import read_run_clip

SAVE = frozenset({Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE})
RANDOM = ModelChoice("random", device="cpu", precision=Precision.FP32)
MOVING = np.zeros((5, 42, 56), np.uint8)
MOVING[:, 14:28, 28:42] = 255


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clip").mkdir()
    (tmp_path / "masks").mkdir()
    rng = np.random.default_rng(0)
    for index in range(5):
        picture = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture.resize((56, 42)).save(tmp_path / f"clip/{index:06d}.png")
        Image.fromarray(MOVING[index]).save(tmp_path / f"masks/{index:06d}.png")
    return replace(load_frames(tmp_path / "clip", size=56), moving=list(MOVING))


@pytest.mark.usefixtures("clip")
def test_they_come_out_of_the_run_again(tmp_path):
    options = RunOptions(SAVE, masks=tmp_path / "masks")
    run_of = {"model": RANDOM, "options": options}
    (result,) = infer_scenes([str(tmp_path / "clip")], tmp_path / "run", **run_of)
    assert result.written.masks == str(tmp_path / "masks")
    run = open_run(tmp_path / "run")
    size = run.manifest.network_size
    kept = known_masks(read_run_clip(run, slice(None), tuple(SAVE)), MotionPart.MOVING)
    for mask, moving in zip(kept, MOVING, strict=True):
        large = Image.fromarray(moving).resize(size[::-1], Image.Resampling.NEAREST)
        assert (mask != (np.asarray(large) > 0)).mean() < 0.01
    with pytest.raises(RunError, match="has masks that were given"):
        write_motion(run)
    with pytest.raises(InputError, match="is of one scene, and 2 were given"):
        infer_scenes([str(tmp_path / "clip"), str(tmp_path / "masks")], tmp_path / "b", **run_of)


def test_windows_are_joined_without_them_and_their_maps_are_whole(model, clip, tmp_path):
    options = RunOptions(SAVE, windows=WindowChoice(3, 2), masks=Path("masks"))
    write_run_in_windows(model, clip, options.windows.spans(5), tmp_path / "run", options)
    path = tmp_path / "run/windows/000001-000003.npz"
    whole, for_joins = read_window(path, with_confidence=True).depth, read_window(path).depth
    moving = MOVING[1:4] > 0
    assert (whole > 0).all() and (for_joins[moving] == 0).all()
    np.testing.assert_array_equal(for_joins[~moving], whole[~moving])
    assert (open_run(tmp_path / "run").depth(2) > 0).all()


def camera_of(clip, strength):
    network = load_model("random", variant=strength, device="cpu", precision=Precision.FP32)
    return cameras(network, encode_clip(network, clip, heads={Head.CAMERA}))[0]


def test_they_take_the_place_of_the_network_s_mask_where_it_is_on(clip):
    unknown = replace(clip, moving=None)
    still = replace(clip, moving=list(np.zeros_like(MOVING)))
    without = camera_of(unknown, "nomask")
    np.testing.assert_array_equal(camera_of(clip, "nomask"), without)
    np.testing.assert_allclose(camera_of(still, "mask"), without, atol=1e-6)
    given, own = camera_of(clip, "mask"), camera_of(unknown, "mask")
    assert np.abs(given - without).max() > 1e-6 and np.abs(given - own).max() > 1e-6
