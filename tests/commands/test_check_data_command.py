import json

import numpy as np
import pytest
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.core.enums import SynthLayout
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes


def check_data(*arguments):
    return CliRunner().invoke(app, ["check-data", *map(str, arguments)])


@pytest.fixture
def scene(tmp_path):
    return write_scenes(tmp_path, SynthOptions(frames=3, size=(64, 48)))[0].out


def test_passes_fails_and_says_where(scene):
    result = check_data("synthetic", "--root", scene)
    assert result.exit_code == 0
    assert "scene_000000" in result.stdout and "passed" in result.stdout
    depth = np.load(scene / "depth/000001.npy")
    depth[0, 0] = np.inf
    np.save(scene / "depth/000001.npy", depth)
    result = check_data("synthetic", "--root", scene, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["sequences"][0]["failures"][0]["frames"] == [1]
    result = check_data("synthetic", "--root", scene)
    assert "scene_000000: depth values: frame 1 (000001.png)" in result.stdout


def test_what_cannot_be_judged_is_said_and_no_failure(tmp_path):
    """A folder without intrinsics."""
    options = SynthOptions(frames=6, size=(64, 48), layout=SynthLayout.TUM, fps=1)
    folder = write_scenes(tmp_path, options)[0].out
    result = check_data("folder", "--root", folder)
    assert result.exit_code == 0 and result.stdout.rstrip().endswith("not judged")
    assert "not judged: depth consistency: no depth could be carried" in result.stderr
    (report,) = json.loads(check_data("folder", "--root", folder, "--json").stdout)["sequences"]
    assert report["result"] == "not judged" and not report["failures"]
    assert "give --intrinsics" in report["not_judged"][0]["message"]
    # With the focal length of another camera it can be judged, and is wrong.
    wrong = check_data("folder", "--root", folder, "--intrinsics", "20,20,31.5,23.5")
    assert wrong.exit_code == 1 and "failed" in wrong.stdout


def test_a_broken_file_is_bad_input_unless_skipped(scene):
    (scene / "rgb/000002.png").write_bytes(b"nonsense")
    result = check_data("synthetic", "--root", scene)
    assert result.exit_code == 2
    assert "000002.png" in result.stderr
    result = check_data("synthetic", "--root", scene, "--on-bad", "skip")
    assert result.exit_code == 0
    assert "skipped" in result.stderr and "000002.png" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("kitti", "--root", "."), "kitti does not have poses and depth to check"),
        (("tum", "--root", ".", "--intrinsics", "525"), "give fx,fy,cx,cy"),
        (("tum", "--root", "absent"), "absent is no folder"),
    ],
)
def test_bad_usage(arguments, text):
    result = check_data(*arguments)
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.parametrize("place", ["", "scene_000000", "check"])
def test_a_report_is_not_written_among_the_data(scene, tmp_path, place):
    out = scene.parent / place
    result = check_data("synthetic", "--root", scene.parent, "--out", out, "--overwrite")
    assert result.exit_code == 2 and "is in the input" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [scene.name]
