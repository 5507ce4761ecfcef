import json

import pytest
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.commands.synth import parse_size
from page4d_cli.core.errors import InputError

SMALL = ["--frames", "2", "--size", "32x24"]


def page4d(*arguments):
    return CliRunner().invoke(app, ["synth", *map(str, arguments)])


def test_stdout_is_the_folders_and_nothing_else(tmp_path):
    result = page4d("--out", tmp_path, "--scenes", 2, "--seed", 5, *SMALL)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/scene_000005\n{tmp_path}/scene_000006\n"
    assert "scene_000006: 2 frames of 32×24 pixels" in result.stderr
    assert "2 done, 0 kept, 0 failed of 2 scenes; 4 frames in" in result.stderr


def test_json_is_one_object(tmp_path):
    result = page4d("--out", tmp_path, "--layout", "tum", "--json", "--quiet", *SMALL)
    name = "rgbd_dataset_synthetic_000000"
    answer = json.loads(result.stdout)
    (run,) = answer["runs"]
    assert answer["frames"] == run["frames"] == 2 and run["seconds"] > 0
    assert (run["name"], run["out"]) == (name, f"{tmp_path}/{name}")
    assert (run["state"], run["layout"], run["seed"]) == ("done", "tum", 0)
    assert result.stderr == ""


def test_a_second_run_needs_overwrite(tmp_path):
    assert page4d("--out", tmp_path, *SMALL).exit_code == 0
    refused = page4d("--out", tmp_path, *SMALL)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: ") and "--overwrite" in refused.stderr
    assert page4d("--out", tmp_path, "--overwrite", *SMALL).exit_code == 0


@pytest.mark.parametrize("text", ["320", "320x", "axb", "-3x4", "320x240x3", ""])
def test_a_size_is_two_numbers(text):
    with pytest.raises(InputError, match=r"--size .*: give width and height"):
        parse_size(text)


def test_sizes():
    assert parse_size("320x240") == parse_size(" 320X240 ") == parse_size("320×240") == (320, 240)


def test_help_carries_examples():
    words = " ".join(page4d("-h").stdout.split())
    assert "page4d synth --out raw/" in words and "--layout tum" in words
