import numpy as np
import pytest

from page4d_cli.core.enums import Fit, Precision, Save
from page4d_cli.core.errors import FramesError, OutputError, WeightsError
from page4d_cli.io.run_directory import is_complete, open_run
from page4d_cli.pipelines import scenes
from page4d_cli.pipelines.run import RunOptions
from page4d_cli.pipelines.scenes import FrameChoice, ModelChoice, infer_scenes

RANDOM = ModelChoice("random", device="cpu", precision=Precision.FP32)
CAMERAS = RunOptions(save=frozenset({Save.CAMERAS}))


@pytest.fixture
def no_network(monkeypatch):
    """Fail as soon as a network is loaded."""

    def fail(*_args, **_kwargs):
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(scenes, "load_model", fail)


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
    with pytest.raises(OutputError, match="b is not empty"):
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
    monkeypatch.setattr(scenes, "load_model", None)
    (result,) = run([folder], tmp_path / "out", resume=True)
    assert result.kept


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
    assert [frame.stem for frame in result.manifest.frames] == ["001", "003"]
    assert result.manifest.network_size == (518, 518)
    assert result.manifest.settings["stride"] == 2


def test_paths_on_stdin(picture_folder, tmp_path):
    folder = picture_folder("a")
    lines = [f"{path}\n" for path in sorted(folder.iterdir())]
    (result,) = run(["-"], tmp_path / "out", stdin=lines)
    assert len(result.manifest.frames) == 2


def test_unknown_weights_are_refused(picture_folder, tmp_path):
    with pytest.raises(WeightsError, match="neither a name nor a file"):
        run([picture_folder("a")], tmp_path / "out", model=ModelChoice("pagefourd"))
