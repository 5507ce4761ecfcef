import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from page4d_cli.app import app


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(2):
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(
            folder / f"{index}.png"
        )
    return folder


def run(*words):
    command = ["visualize-features", *map(str, words), "--weights", "random", "--device", "cpu"]
    return CliRunner().invoke(app, command)


def test_the_folder_is_printed_and_the_pictures_are_there(clip, tmp_path):
    result = run(clip, "--out", tmp_path / "f", "--layers", "0,2", "--kind", "global")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'f'}\n"
    assert {path.name for path in (tmp_path / "f").glob("*.png")} == {
        f"{frame}_global_feature_{layer}.png" for frame in (0, 1) for layer in (0, 2)
    }


def test_json_is_one_object(clip, tmp_path):
    result = run(clip, "--out", tmp_path / "f", "--layers", "1", "--json", "--reduce", "pca")
    data = json.loads(result.stdout)
    assert data["frames"] == 2 and data["runs"][0]["reduction"] == "pca"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "x"], "--layers x: give numbers from 0 with commas between"),
        (["--layers", "9"], "layers 9: the network has layers 0 to 3"),
        (["--kind", "local"], "--kind local: choose among frame, global"),
        (["--cmap", "ylord"], "Matplotlib has no such map"),
        (["--reduce", "max"], "'max' is not one of 'mean', 'norm', 'pca'"),
    ],
)
def test_nonsense_is_one_line_and_leaves_nothing(words, message, clip, tmp_path):
    result = run(clip, "--out", tmp_path / "f", *words)
    assert result.exit_code == 2 and message in result.stderr.replace("\n", " ")
    assert not (tmp_path / "f").exists()
