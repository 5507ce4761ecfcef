import json
import shutil
from pathlib import Path

import pytest
from dataset_layouts import write_bonn_raw, write_nyu, write_sintel
from exact_truth import exact_truth
from typer.testing import CliRunner

from page4d_cli.app import app


def data(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_list_names_data_sets_and_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path))
    write_sintel(tmp_path / "sintel", exact_truth())
    result = data("list")
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("sintel")]
    assert row.split()[:6] == ["sintel", "14", "23", "final,", "clean", "1"]
    assert str(tmp_path / "sintel") in row
    listed = {one["dataset"]: one for one in json.loads(data("list", "--json").stdout)["datasets"]}
    assert listed["sintel"]["root"] == str(tmp_path / "sintel")
    assert listed["kitti"]["root"] is None and len(listed["kitti"]["depth_sequences"]) == 13
    assert "camera/0_00000.json" in listed["dycheck"]["layouts"]["iphone"]


def test_check_of_something_whole(tmp_path):
    write_nyu(tmp_path, exact_truth())
    result = data("check", "nyu", "--root", tmp_path)
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("val")]
    assert row.split() == ["val", "single", "images", "4", "-", "4", "-", "yes"]
    assert "no video" in result.stderr
    assert data("check", "nyu", "--root", tmp_path, "--quiet").stderr == ""


def test_check_of_something_that_is_not(tmp_path):
    write_bonn_raw(tmp_path, exact_truth())
    result = data("check", "bonn", "--root", tmp_path)
    assert result.exit_code == 1
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("rgbd_bonn")]
    assert row.split() == ["rgbd_bonn_balloon2", "raw", *"444", "4.0", "ms", "yes"]
    assert "missing: rgbd_bonn_person_tracking2\n" in result.stdout
    result = data("check", "bonn", "--root", tmp_path, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["root"] == str(tmp_path) and report["complete"] is False
    assert len(report["missing"]) == 4
    assert report["sequences"][0]["worst_offset_s"] == pytest.approx(0.004, abs=1e-6)


def test_check_names_what_is_broken_or_incomplete(tmp_path):
    for name in ("alley_1", "alley_2"):
        write_sintel(tmp_path, exact_truth(), name)
    shutil.rmtree(tmp_path / "training/depth/alley_1")
    (tmp_path / "training/camdata_left/alley_2/frame_0002.cam").write_bytes(b"")
    result = data("check", "sintel", "--root", tmp_path)
    assert result.exit_code == 1
    assert "missing: depth of alley_1\n" in result.stdout
    assert "broken: alley_2: " in result.stdout and "frame_0002.cam has 0 bytes" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("check", "imagenet"), "'imagenet' is not one of synthetic, tum, bonn, sintel"),
        (("check", "sintel", "--root", "absent"), "absent is no folder; give the folder of"),
    ],
)
def test_bad_usage(arguments, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = data(*arguments)
    assert result.exit_code == 2 and not result.stdout
    assert text in result.stderr


def test_the_list_for_documents_stands_in_them():
    result = data("list", "--markdown")
    page = Path(__file__).parents[2] / "docs/datasets.md"
    assert result.exit_code == 0 and result.stdout in page.read_text(encoding="utf-8"), (
        "put the output of page4d data list --markdown into docs/datasets.md"
    )


def test_a_list_has_one_form():
    assert data("list", "--markdown", "--json").exit_code == 2
