import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from page4d_cli.core.enums import Fit, Precision, Save, Variant
from page4d_cli.core.errors import (
    FramesError,
    InputError,
    OutOfMemoryError,
    OutputError,
    WeightsError,
)
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.io.run.directory import is_complete, open_run
from page4d_cli.model import memory, weights
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.choice import ModelChoice
from page4d_cli.model.network import Page4D
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model
from page4d_cli.pipelines.infer import plan
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.scenes import infer_scenes, plan_scenes

RANDOM = ModelChoice("random", device="cpu", precision=Precision.FP32)
CAMERAS = RunOptions(save=frozenset({Save.CAMERAS}))


@pytest.fixture
def no_network(monkeypatch):
    """Fail as soon as a network is loaded."""

    def fail(*_args, **_kwargs):
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(weights, "load_model", fail)


def run(inputs, out, **options):
    return infer_scenes(
        [str(i) for i in inputs], out, **{"model": RANDOM, "options": CAMERAS} | options
    )


def test_one_scene_is_written_to_the_place_itself(picture_folder, tmp_path):
    (result,) = run([picture_folder("a")], tmp_path / "out")
    assert result.out == tmp_path / "out" and is_complete(result.out)


def test_several_scenes_get_a_directory_each(picture_folder, tmp_path):
    results = run([picture_folder("a"), picture_folder("b", seed=1)], tmp_path / "out")
    assert [result.name for result in results] == ["a", "b"]
    first, second = (open_run(tmp_path / "out" / name).extrinsics() for name in "ab")
    assert not np.array_equal(first, second)


def test_the_other_scenes_go_on_when_one_fails(picture_folder, tmp_path):
    bad = picture_folder("bad")
    (bad / "000.png").write_bytes(b"")
    results = run([picture_folder("a"), bad, picture_folder("c")], tmp_path / "out")
    assert [result.error is None for result in results] == [True, False, True]
    assert "000.png is empty" in results[1].error
    assert not (tmp_path / "out/bad").exists()


def test_a_single_scene_that_fails_raises(picture_folder, tmp_path):
    bad = picture_folder("bad")
    (bad / "001.png").write_bytes(b"no picture")
    with pytest.raises(FramesError, match=r"001\.png"):
        run([bad], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_network")
def test_places_are_looked_at_before_any_work(picture_folder, tmp_path):
    (tmp_path / "out/b").mkdir(parents=True)
    (tmp_path / "out/b/mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="b is there already and not empty"):
        run([picture_folder("a"), picture_folder("b")], tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b"]


def test_resume_keeps_what_is_complete_and_runs_the_rest(picture_folder, tmp_path):
    first, second = picture_folder("a"), picture_folder("b")
    run([first], tmp_path / "out/a")
    before = (tmp_path / "out/a/manifest.json").read_bytes()
    results = run([first, second], tmp_path / "out", resume=True)
    assert [result.kept for result in results] == [True, False]
    assert (tmp_path / "out/a/manifest.json").read_bytes() == before
    assert is_complete(tmp_path / "out/b")


def test_resume_of_everything_loads_no_network(picture_folder, tmp_path, monkeypatch):
    folder = picture_folder("a")
    run([folder], tmp_path / "out")
    monkeypatch.setattr(weights, "load_model", None)
    (result,) = run([folder], tmp_path / "out", resume=True)
    assert result.kept


def test_resume_makes_a_run_again_that_has_lost_files(picture_folder, tmp_path):
    folder = picture_folder("a")
    run([folder], tmp_path / "out")
    (tmp_path / "out/cameras.npz").unlink()
    (tmp_path / "out/mine.txt").write_text("keep")
    (result,) = run([folder], tmp_path / "out", resume=True)
    assert not result.kept and is_complete(tmp_path / "out")
    assert (tmp_path / "out/mine.txt").read_text() == "keep"


def test_resume_does_not_mind_how_a_path_is_typed(picture_folder, tmp_path, monkeypatch):
    folder = picture_folder("a")
    run([folder], tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    (result,) = run(["./a/"], tmp_path / "out", resume=True)
    assert result.kept


def test_resume_leaves_a_manifest_alone_that_it_cannot_read(picture_folder, tmp_path):
    folder = picture_folder("a")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.json").write_text("{}")
    with pytest.raises(OutputError, match="schema"):
        run([folder], tmp_path / "out", resume=True)
    assert (tmp_path / "out/manifest.json").read_text() == "{}"


def test_several_scenes_do_not_go_into_the_run_of_one(picture_folder, tmp_path):
    first, second = picture_folder("a"), picture_folder("b")
    run([first], tmp_path / "out")
    with pytest.raises(OutputError, match="holds what was made of one scene, and 2 were given"):
        run([first, second], tmp_path / "out")


@pytest.mark.usefixtures("no_network")
def test_bad_frames_are_found_before_the_network_is_loaded(picture_folder, tmp_path):
    folder = picture_folder("a")
    (folder / "001.png").write_bytes(b"")
    with pytest.raises(FramesError, match=r"001\.png is empty"):
        run([folder], tmp_path / "out", model=ModelChoice("page4d", device="cpu"))


def test_weights_that_do_not_load_end_the_call(picture_folder, tmp_path):
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(WeightsError, match="no checkpoint"):
        run(
            [picture_folder("a"), picture_folder("b")],
            tmp_path / "out",
            model=ModelChoice(str(tmp_path / "text.pt"), device="cpu"),
        )


def test_only_the_first_scene_counts_the_loading(picture_folder, tmp_path):
    results = run([picture_folder("a"), picture_folder("b")], tmp_path / "out")
    assert ["weights" in result.written.timings_s for result in results] == [True, False]


def test_resume_refuses_a_run_made_otherwise(picture_folder, tmp_path):
    folder = picture_folder("a")
    run([folder], tmp_path / "out")
    with pytest.raises(OutputError, match="max_frames: None there, 1 asked"):
        run([folder], tmp_path / "out", resume=True, frames=FrameChoice(max_frames=1))


def test_overwrite_replaces(picture_folder, tmp_path):
    folder = picture_folder("a")
    run([folder], tmp_path / "out")
    options = RunOptions(save=frozenset({Save.DEPTH}), overwrite=True)
    run([folder], tmp_path / "out", options=options)
    assert not (tmp_path / "out/cameras.npz").exists()
    assert is_complete(tmp_path / "out")


def test_the_choice_of_frames_is_passed_on(picture_folder, tmp_path):
    choice = FrameChoice(fit=Fit.PAD, stride=2, start=1, max_frames=2)
    (result,) = run([picture_folder("a", count=5)], tmp_path / "out", frames=choice)
    assert [frame.stem for frame in result.written.frames] == ["001", "003"]
    assert result.written.network_size == (518, 518)
    assert result.written.settings["stride"] == 2


def test_paths_on_stdin(picture_folder, tmp_path):
    folder = picture_folder("a")
    lines = [f"{path}\n" for path in sorted(folder.iterdir())]
    (result,) = run(["-"], tmp_path / "out", stdin=lines)
    assert len(result.written.frames) == 2


def test_unknown_weights_are_refused(picture_folder, tmp_path):
    with pytest.raises(WeightsError, match="neither a name nor a file"):
        run([picture_folder("a")], tmp_path / "out", model=ModelChoice("pagefourd"))


def _cut_short(_folder, out):
    (out / "depth/001.npy").write_bytes(b"")


def _changed(_folder, out):
    path = out / "depth/001.npy"
    *rest, last = path.read_bytes()
    path.write_bytes(bytes([*rest, last ^ 1]))


def _frame_added(folder, _out):
    shutil.copyfile(folder / "000.png", folder / "002.png")


def _picture_replaced(folder, _out):
    Image.open(folder / "000.png").rotate(180).save(folder / "001.png")


@pytest.mark.parametrize("change", [_cut_short, _changed, _frame_added, _picture_replaced])
def test_resume_makes_a_run_again_that_is_no_longer_right(picture_folder, tmp_path, change):
    folder, out = picture_folder("a"), tmp_path / "out"
    depth = RunOptions(save=frozenset({Save.DEPTH}))
    run([folder], out, options=depth)
    change(folder, out)
    (result,) = run([folder], out, options=depth, resume=True)
    assert not result.kept and is_complete(out)
    (fresh,) = run([folder], tmp_path / "fresh", options=depth)
    assert result.written.checksums == fresh.written.checksums
    assert run([folder], out, options=depth, resume=True)[0].kept


def test_resume_makes_a_run_again_when_the_weights_are_others(picture_folder, tmp_path):
    folder, path = picture_folder("a"), tmp_path / "own.safetensors"
    for seed in (1, 2):
        state = random_model(RANDOM_CONFIG, seed).state_dict()
        save_checkpoint(path, state, RANDOM_CONFIG, Variant.NOMASK)
        own = replace(RANDOM, weights=str(path))
        (result,) = run([folder], tmp_path / "out", model=own, resume=True)
        assert not result.kept
    assert run([folder], tmp_path / "out", model=own, resume=True)[0].kept


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("place", ["clip", "clip/preds", "link"])
def test_pictures_are_not_written_among_the_input(picture_folder, tmp_path, place):
    folder = picture_folder("clip")
    (tmp_path / "link").symlink_to(folder)
    overwriting = replace(CAMERAS, overwrite=True)
    before = sorted(folder.iterdir())
    with pytest.raises(OutputError, match=r"is in the input .*clip; choose another --out"):
        run([folder], tmp_path / place, options=overwriting)
    with pytest.raises(OutputError, match="is in the input"):
        run([folder, picture_folder("b")], tmp_path, options=overwriting)
    for files in (folder / "*.png", folder / "000.png"):
        with pytest.raises(OutputError, match="is in the input"):
            run([files], folder, options=overwriting)
    with pytest.raises(OutputError, match="is in the input"):
        run([folder / "**/*.png"], folder / "preds", options=overwriting)
    assert sorted(folder.iterdir()) == before


def test_a_clip_may_be_called_as_a_file_of_ours(picture_folder, tmp_path):
    clips = [picture_folder("manifest.json"), picture_folder("b")]
    run(clips, tmp_path / "out")
    results = run(clips, tmp_path / "out", resume=True)
    assert [result.kept for result in results] == [True, True]
    assert is_complete(tmp_path / "out/manifest.json")


def test_a_clip_that_does_not_fit_is_cut_into_the_longest_windows_that_do(
    picture_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(memory, "_rehearse", lambda _, frames: (1000 * frames, 0))
    source, half = picture_folder("a", count=6, size=(100, 30)), 4
    (planned,) = plan_scenes([str(source)], tmp_path / "out", model=RANDOM).values()
    assert (planned.windows, planned.window, planned.device_bytes) == (1, 6, 6000)
    assert not (tmp_path / "out").exists()
    free = int(1000 * half / 0.9) + 2
    monkeypatch.setattr(plan, "free_memory_bytes", lambda _: free)
    (result,) = run([source], tmp_path / "out", options=RunOptions())
    record = result.written.plan
    assert (record.windows, record.window, record.overlap) == (2, half, 2)
    assert len(list((tmp_path / "out/windows").iterdir())) == 2
    assert len(result.written.frames) == 6


def test_one_pass_that_does_not_fit_goes_on_in_windows(picture_folder, tmp_path, monkeypatch):
    encode = Page4D.encode

    def small(self, images, **options):
        if images.shape[1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(self, images, **options)

    monkeypatch.setattr(Page4D, "encode", small)
    source = picture_folder("a", count=4, size=(100, 30))
    (result,) = run([source], tmp_path / "out")
    assert result.written.plan.windows == 1
    (said,) = result.written.problems
    assert "4 frames at once did not fit" in said and "2 at a time" in said
    with pytest.raises(OutOfMemoryError, match="4 frames"):
        run([source], tmp_path / "points", options=RunOptions(save=frozenset({Save.POINTS})))


def test_another_size_is_that_of_the_maps_of_the_settings_and_of_the_plan(picture_folder, tmp_path):
    folder, said = picture_folder("a"), []
    small = FrameChoice(size=126)
    observer = Observer(on_warning=said.append)
    (result,) = run([folder], tmp_path / "out", frames=small, observer=observer)
    assert max(result.written.network_size) == 126
    assert result.written.settings["size"] == 126 and result.written.plan.size[1] == 126
    plans = plan_scenes([str(folder)], tmp_path / "out", model=RANDOM, frames=small)
    assert plans["a"].size == result.written.network_size
    with pytest.raises(OutputError, match="size: 126 there, None asked"):
        run([folder], tmp_path / "out", resume=True)
    assert not [text for text in said if "trained" in text]


def test_a_size_beyond_the_training_is_warned_of(picture_folder, tmp_path):
    said = []
    observer = Observer(on_warning=said.append)
    choice = FrameChoice(size=RANDOM_CONFIG.image_size + 14)
    plan_scenes(
        [str(picture_folder("a"))],
        tmp_path / "out",
        model=RANDOM,
        frames=choice,
        observer=observer,
    )
    assert ["532" in text and "518" in text for text in said] == [True]


@pytest.mark.parametrize("size", [0, 98, 113, 1050])
def test_a_size_that_is_not_allowed_is_one_line(size):
    with pytest.raises(InputError, match=f"--size {size} is not allowed; give a multiple of 14"):
        FrameChoice(size=size)
