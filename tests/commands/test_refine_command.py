import json
import sys

import pytest
from refinable_run import disturbed, draw_clip, write_run_of_clip
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.io.run.directory import open_run


@pytest.fixture
def blank(tmp_path):
    """A run of two grey pictures, of which nothing can be refined."""
    clip = disturbed(draw_clip(frames=2, size=(28, 28)), 1.0)
    clip.images[:] = 127
    return write_run_of_clip(tmp_path, clip).directory


def refine(*words):
    return CliRunner().invoke(app, ["refine", *map(str, words)])


def test_what_stays_is_warned_of_and_stands_in_json(blank):
    pytest.importorskip("pycolmap")
    result = refine(blank, "--json")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["refined"] == 0 and printed["frames"] == 2
    (segment,) = printed["segments"]
    assert "too few points" in segment["refused"]
    assert f"warning: {printed['notes'][0]}" in result.stderr
    again = refine(blank)
    assert again.stdout.split() == [str(blank)] and "0 of 2 cameras refined" in again.stderr


def test_strict_ends_with_one(blank):
    pytest.importorskip("pycolmap")
    result = refine(blank, "--strict")
    assert result.exit_code == 1 and "nothing was written" in result.stderr


def test_without_pycolmap_one_line_says_what_to_install(blank, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    result = refine(blank)
    assert result.exit_code == 2 and "pip install" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_infer_refines_what_it_writes(tmp_path):
    pytest.importorskip("pycolmap")
    folder = write_run_of_clip(tmp_path, draw_clip(frames=3, size=(112, 84))).directory
    words = [str(folder.parent / "frames"), "--out", str(tmp_path / "new"), "--weights", "tiny"]
    command = ["infer", *words, "--device", "cpu", "--refine"]
    refused = CliRunner().invoke(app, [*command, "--save", "cameras"])
    assert refused.exit_code == 2 and "--save cameras,depth" in refused.stderr
    result = CliRunner().invoke(app, [*command, "--save", "cameras,depth", "--json"])
    assert result.exit_code == 0, result.output
    manifest = open_run(tmp_path / "new").manifest
    (record,) = manifest.refinement
    assert "cameras.network.npz" in manifest.files
    assert f"rames: {record.refined} of 3 cameras refined" in result.stderr
    (run,) = json.loads(result.stdout)["runs"]
    assert set(manifest.files) == set(run["files"])
    before = (tmp_path / "new/manifest.json").read_bytes()
    again = [*command, "--save", "cameras,depth", "--resume"]
    assert CliRunner().invoke(app, again).exit_code == 0
    assert (tmp_path / "new/manifest.json").read_bytes() == before
