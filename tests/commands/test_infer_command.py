"""The command as a shell sees it: what goes to stdout, what to stderr, and the exit status."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.commands.shared.options import parse_members
from page4d_cli.core.enums import Save
from page4d_cli.core.errors import InputError
from page4d_cli.io.run.directory import is_complete
from page4d_cli.io.run.manifest import read_manifest

RANDOM = ["--weights", "random", "--device", "cpu", "--dtype", "fp32", "--save", "cameras"]


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "a clip, späť"
    folder.mkdir()
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (100, 370, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def page4d(*arguments, **options):
    return CliRunner().invoke(app, [str(a) for a in arguments], **options)


def test_stdout_is_the_directory_and_nothing_else(clip, tmp_path):
    result = page4d("infer", clip, "--out", tmp_path / "run", *RANDOM)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'run'}\n"
    assert "2 frames of 518×140" in result.stderr
    assert "numbers mean nothing" in result.stderr


def test_quiet_keeps_the_warnings(clip, tmp_path):
    result = page4d("infer", clip, "--out", tmp_path / "run", "--quiet", *RANDOM)
    assert result.stderr.strip() == "warning: the weights are random: the numbers mean nothing"


def test_whatever_is_asked_for_is_saved(clip, tmp_path):
    saved = ",".join(save.value for save in Save)
    result = page4d("infer", clip, "--out", tmp_path / "run", *RANDOM, "--save", saved)
    assert result.exit_code == 0, result.output
    assert set(read_manifest(tmp_path / "run").saved) == set(Save)


def test_json_is_one_object(clip, tmp_path):
    result = page4d("infer", clip, "--out", tmp_path / "run", "--json", *RANDOM)
    answer = json.loads(result.stdout)
    assert answer["frames"] == 2
    (run,) = answer["runs"]
    assert run["out"] == str(tmp_path / "run") and run["error"] is None
    assert "trajectory.txt" in run["files"] and run["weights"]["name"] == "random"


def test_a_failed_scene_among_several_is_exit_1(clip, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "0.png").write_bytes(b"")
    result = page4d("infer", clip, bad, "--out", tmp_path / "runs", "--json", *RANDOM)
    assert result.exit_code == 1
    assert "bad failed" in result.stderr and "1 of 2 scenes failed" in result.stderr
    runs = {run["name"]: run for run in json.loads(result.stdout)["runs"]}
    assert runs["bad"]["frames"] == 0 and "0.png is empty" in runs["bad"]["error"]


def test_stdin_lists_paths(clip, tmp_path):
    listed = "\n".join(str(path) for path in sorted(clip.iterdir()))
    result = page4d("infer", "-", "--out", tmp_path / "run", *RANDOM, input=listed)
    assert result.exit_code == 0 and is_complete(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["CLIP", "--overwrite", "--resume"], "exclude each other"),
        (["CLIP", "--save", "depht"], "--save depht: choose among cameras, depth"),
        (["CLIP", "--save", ""], "choose among"),
        (["CLIP", "--stride", "0"], "greater than or equal to 1"),
        (["CLIP", "--fit", "squash"], "'squash' is not one of 'crop', 'pad', 'keep'"),
        (["CLIP", "--fps", "3"], "images have no frame rate"),
        (["CLIP", "--start", "7"], "past the end"),
        (["CLIP", "--device", "tpu"], "unknown device 'tpu'"),
        (["CLIP", "--weights", "pagefourd"], "neither a name nor a file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(clip, tmp_path, arguments, says):
    arguments = [str(clip) if word == "CLIP" else word for word in arguments]
    result = page4d("infer", *arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and says in errors[0]
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


def test_every_output_can_be_asked_for_at_once(clip, tmp_path):
    everything = ",".join(save.value for save in Save)
    result = page4d("infer", clip, "--out", tmp_path / "run", *RANDOM[:-1], everything)
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["saved"] == [save.value for save in Save]


def test_save_takes_a_list_with_commas():
    assert set(parse_members("--save", "depth, cloud", Save)) == {Save.DEPTH, Save.CLOUD}
    with pytest.raises(InputError, match="nothing"):
        parse_members("--save", ",", Save)


@pytest.mark.parametrize(("names", "said"), [(("0.2", "00.2"), True), (("a", "b"), False)])
def test_names_that_look_like_times_and_are_none_are_said_to_be_counted(
    clip, tmp_path, names, said
):
    for index, name in enumerate(names):
        (clip / f"{index}.png").rename(clip / f"{name}.png")
    result = page4d("infer", clip, "--out", tmp_path / "run", *RANDOM)
    assert result.exit_code == 0
    assert ("frames are counted; their names look like times" in result.stderr) is said
