import json

import numpy as np
import pytest
from box_windows import save_window, spans, walk, window_of
from typer.testing import CliRunner

from page4d_cli.app import app


@pytest.fixture
def folder(tmp_path):
    for number, indices in enumerate(spans(30, 20, 10)):
        window = window_of(walk(30), indices, 2.0**number, seed=number)
        save_window(tmp_path / f"run/windows/{number}.npz", window)
    return tmp_path / "run"


def call(*words):
    return CliRunner().invoke(app, ["rejoin", *map(str, words)])


def test_it_prints_where_it_wrote(folder, tmp_path):
    result = call(folder, "--out", tmp_path / "out")
    assert result.exit_code == 0 and result.stdout == f"{tmp_path / 'out'}\n"
    assert result.stderr == "30 frames of 2 windows, 0 of 0 loops closed\n"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "trajectory.txt",
        "intrinsics.txt",
        "scales.txt",
        "join.json",
    }


def test_json_is_what_stands_in_the_file(folder, tmp_path):
    printed = json.loads(call(folder, "--out", tmp_path / "out", "--json").stdout)
    written = json.loads((tmp_path / "out/join.json").read_text())
    assert printed.pop("out") == str(tmp_path / "out")
    assert printed == {key: value for key, value in written.items() if key != "files"}
    factors = [window["factor"] for window in printed["windows"]]
    assert factors == pytest.approx([1, 0.5], rel=1e-2)


def test_new_segments_are_warned_of(folder, tmp_path):
    save_window(folder / "windows/9.npz", window_of(walk(60), np.arange(40, 60)))
    result = call(folder, "--out", tmp_path / "out", "--quiet")
    assert result.stderr == (
        "warning: 2 segments, each with its own world and unit; new ones at 40\n"
    )


def test_a_folder_without_windows(tmp_path):
    result = call(tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "holds no windows (*.npz)" in result.stderr


def test_loops_by_hand_and_why_they_were_taken(folder, tmp_path):
    frames = [*range(22, 30), *range(8)]
    save_window(folder / "loops/0.npz", window_of(walk(30), frames, 0.5))
    for option, taken in (("--loop", True), ("--forbid-loop", False)):
        result = call(folder, "--out", tmp_path / option, option, "25,3", "--json")
        (loop,) = json.loads(result.stdout)["loops"]
        assert loop["taken"] is taken and loop["reason"]
    for words, said in (
        (["--loop", "25"], "25 is no loop; give the numbers of two frames, such as 580,12"),
        (["--loop", "25,12"], "25,12: no candidate in"),
        (["--poses", str(folder), "--loop", "25,3"], "--poses tells the path; leave out --loop"),
    ):
        result = call(folder, "--out", tmp_path / "out", *words)
        assert result.exit_code == 2 and said in result.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()
