import json
import shutil
import sys

import numpy as np
import pytest
from many_runs import NAMES, write_many_runs
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.commands.shared.options import parse_frames, parse_members
from page4d_cli.core.enums import ExportFormat
from page4d_cli.core.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("made"), frames=2).run.directory


@pytest.fixture
def run(made, tmp_path):
    """A run to be spoilt."""
    return shutil.copytree(made, tmp_path / "run")


def page4d(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_stdout_is_the_files_and_nothing_else(made, tmp_path):
    result = page4d(made, "--format", "tum,ply", "--out", tmp_path / "out")
    assert result.exit_code == 0
    names = ["cloud.ply", "export.json", "trajectory_tum.txt"]
    assert result.stdout.splitlines() == [f"{tmp_path}/out/{name}" for name in names]
    assert "tum: 2 frames" in result.stderr


def test_json_is_one_object(made, tmp_path):
    out = tmp_path / "out"
    result = page4d(made, "-f", "colmap", "--max-points", 100, "-o", out, "--json", "-q")
    answer = json.loads(result.stdout)
    assert answer["frames"] == 2 and answer["formats"]["colmap"]["cameras"] == 1
    assert 0 < answer["formats"]["colmap"]["points"] <= 100
    assert f"{out}/colmap/sparse/0/points3D.bin" in answer["files"] and result.stderr == ""


@pytest.mark.parametrize("formats", ["obj", "ply,obj", "", "PLY"])
def test_an_unknown_format_is_refused_before_any_work(tmp_path, formats):
    result = page4d(tmp_path / "nowhere", "--format", formats, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert (
        "choose among ply, ply-sequence, mesh, glb, colmap" in result.stderr
        and "nowhere" not in result.stderr
    )


def test_a_directory_without_manifest(tmp_path):
    result = page4d(tmp_path, "-f", "tum", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "is no complete run" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_from_a_newer_schema(run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "schema": 2}))
    result = page4d(run, "-f", "tum", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "schema is 2, expected 1" in result.stderr


def test_a_frame_that_is_missing(run, tmp_path):
    (run / "depth" / "000001.npy").unlink()
    result = page4d(run, "-f", "ply", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "depth/000001.npy is missing" in result.stderr
    assert not (tmp_path / "out").exists()
    assert page4d(run, "-f", "ply", "-o", tmp_path / "out", "--frames", "0").exit_code == 0


def test_a_map_of_another_size(run, tmp_path):
    np.save(run / "depth" / "000001.npy", np.ones((7, 9), np.float32))
    result = page4d(run, "-f", "depth-png", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "of shape (7, 9), expected floats of shape (42, 56)" in result.stderr


@pytest.mark.parametrize("each", ["ply", "mesh", "glb", "colmap", "nerfstudio", "depth-png", "rrd"])
def test_no_valid_depth_gives_numbers_and_no_file(run, tmp_path, each):
    for path in (run / "depth").iterdir():
        np.save(path, np.full((42, 56), np.nan, np.float32))
    result = page4d(run, "-f", each, "-o", tmp_path / "new" / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no p") and "2 " in result.stderr
    assert not (tmp_path / "new").exists()


def test_no_frame_and_no_camera(run, tmp_path):
    result = page4d(run, "-f", "tum", "-o", tmp_path / "out", "--frames", "5:")
    assert result.exit_code == 1 and "none of 2 frames" in result.stderr
    with np.load(run / "cameras.npz") as cameras:
        np.savez(
            run / "cameras.npz",
            extrinsics=cameras["extrinsics"] * np.nan,
            intrinsics=cameras["intrinsics"],
        )
    result = page4d(run, "-f", "tum", "-o", tmp_path / "out")
    assert result.exit_code == 1 and "none of 2 chosen frames has a usable" in result.stderr


def test_frames_without_a_camera_are_left_out_and_named(run, tmp_path):
    with np.load(run / "cameras.npz") as cameras:
        intrinsics = cameras["intrinsics"]
        intrinsics[1, 0, 0] = np.nan
        np.savez(run / "cameras.npz", extrinsics=cameras["extrinsics"], intrinsics=intrinsics)
    result = page4d(run, "-f", "tum", "-o", tmp_path / "out")
    assert "tum: 1 frame\n" in result.stderr
    assert result.exit_code == 0 and "left out 1 frame without a usable" in result.stderr
    assert "000001" in result.stderr


def test_a_second_export_needs_overwrite(made, tmp_path):
    arguments = (made, "-f", "tum", "-o", tmp_path / "out")
    assert page4d(*arguments).exit_code == 0
    refused = page4d(*arguments)
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert page4d(*arguments, "--overwrite").exit_code == 0


def test_the_scale_of_depth_is_printed(made, tmp_path):
    result = page4d(made, "-f", "depth-png", "-o", tmp_path / "out", "--depth-scale", "1000")
    assert "depth-png: 2 frames, depth png scale 1000\n" in result.stderr
    result = page4d(made, "-f", "depth-png", "-o", tmp_path / "auto", "--depth-scale", "auto")
    assert "depth png scale" in result.stderr and "scale 1000" not in result.stderr


def test_without_rerun_it_says_how_to_get_it(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    result = page4d(made, "-f", "rrd", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "pip install '.[rerun]'" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--voxel", "-1", "--voxel -1: give a number above 0"),
        ("--voxel", "nan", "--voxel nan: give a number above 0"),
        ("--outliers", "0", "--outliers 0: give a number above 0"),
        ("--min-conf-percentile", "101", "--min-conf-percentile 101: give a number from 0 to 100"),
        ("--max-points", "0", "--max-points 0: give a number from 1"),
        ("--depth-scale", "-1", "--depth-scale -1: give a number above 0, or auto"),
        ("--depth-scale", "inf", "--depth-scale inf: give a number above 0, or auto"),
        ("--depth-scale", "millimetres", "give a number above 0, or auto"),
        ("--frames", "a:b", "--frames a:b: give first:end:step"),
        ("--frames", "::0", "the step is 0"),
        ("--frames", "", "give first:end:step"),
    ],
)
def test_numbers_out_of_range(made, tmp_path, option, value, words):
    result = page4d(made, "-f", "ply", "-o", tmp_path / "out", option, value)
    assert result.exit_code == 2 and words in result.stderr and result.stdout == ""
    assert not (tmp_path / "out").exists()


CLOUDS = "ply, ply-sequence, glb, colmap, nerfstudio, dynamic, usd, rrd"


@pytest.mark.parametrize(
    ("option", "formats"),
    [
        (("--voxel", 0.1), "ply, ply-sequence, mesh, glb, colmap, nerfstudio, dynamic, usd, rrd"),
        (("--outliers", 2), CLOUDS),
        (("--min-conf-percentile", 0), CLOUDS),
        (("--max-points", 9), CLOUDS),
        (("--static-only",), "ply, ply-sequence, mesh, glb, colmap, nerfstudio, dynamic, usd, rrd"),
        (("--moving-only",), "ply, ply-sequence, mesh, glb, colmap, nerfstudio, dynamic, usd, rrd"),
        (("--depth-scale", 1000), "depth-png"),
        (("--half",), "exr"),
        (("--points",), "exr"),
    ],
)
def test_an_option_needs_a_format_that_heeds_it(made, tmp_path, option, formats):
    out = tmp_path / "out"
    result = page4d(made, "-f", "tum,npz", "-o", out, *option)
    assert result.exit_code == 2 and not out.exists() and result.stdout == ""
    said = f"error: {option[0]} concerns --format {formats}; add one of them, or leave the option"
    assert result.stderr == f"{said} out\n"


def test_confidence_that_the_run_does_not_have(run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["saved"].remove("confidence")
    (run / "manifest.json").write_text(json.dumps(manifest))
    out = ("-f", "ply", "-o", tmp_path / "out")
    result = page4d(run, *out, "--min-conf-percentile", 20)
    assert result.exit_code == 2 and "--save confidence" in result.stderr
    assert page4d(run, *out).exit_code == 0


def test_frames_are_slices():
    clip = list(range(10))
    texts = [":", "0:30:2", "7", "-1", "3:", ":-2", "::3"]
    assert [clip[parse_frames(text)] for text in texts] == [
        clip,
        [0, 2, 4, 6, 8],
        [7],
        [9],
        [3, 4, 5, 6, 7, 8, 9],
        clip[:8],
        [0, 3, 6, 9],
    ]


def test_formats_are_words_with_commas():
    chosen = parse_members("--format", "ply, glb", ExportFormat)
    assert chosen == (ExportFormat.PLY, ExportFormat.GLB)
    with pytest.raises(InputError, match="--format nothing"):
        parse_members("--format", " , ", ExportFormat)


def test_help_states_the_axes_of_every_format():
    words = " ".join(page4d("-h").stdout.split())
    assert all(each.value in words for each in ExportFormat)
    assert ".[rerun]" in words and "OpenGL" in words and "glTF" in words


def test_a_folder_of_runs_is_a_folder_of_exports(tmp_path):
    many = write_many_runs(tmp_path)
    out = tmp_path / "out"
    result = page4d(many, "-f", "tum", "-o", out)
    assert result.exit_code == 0
    names = ("export.json", "trajectory_tum.txt")
    expected = [f"{out}/{run}/{name}" for run in NAMES for name in names]
    assert result.stdout.splitlines() == expected and "b: tum: 2 frames" in result.stderr
    again = page4d(many, "-f", "tum", "-o", out, "--resume", "--json", "-q")
    runs = json.loads(again.stdout)["runs"]
    assert [(run["name"], run["state"]) for run in runs] == [(name, "kept") for name in NAMES]
    assert runs[1]["run"] == str(many / "b") and runs[1]["formats"]["tum"] == {"frames": 2}
    refused = page4d(many, "-f", "tum", "-o", out, "--resume", "--overwrite")
    assert refused.exit_code == 2 and "exclude each other" in refused.stderr
