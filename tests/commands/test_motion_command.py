import json

import pytest
from many_runs import write_many_runs
from PIL import Image
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path, seed=103, frames=3).run


def test_the_shares_are_printed_and_the_scores_written(run):
    result = CliRunner().invoke(app, ["motion", str(run.directory)])
    assert result.exit_code == 0 and result.stderr == ""
    stems = [frame.stem for frame in run.manifest.frames]
    assert [line.split()[0] for line in result.stdout.splitlines()] == stems
    for stem in stems:
        with Image.open(run.directory / "motion" / f"{stem}.png") as picture:
            assert picture.mode == "L" and picture.size == (56, 42)


def test_json_is_one_object(run):
    result = CliRunner().invoke(app, ["motion", str(run.directory), "--json"])
    data = json.loads(result.stdout)
    assert data["threshold"] == 0.5 and data["run"] == str(run.directory)
    assert set(data["moving_shares"]) == {frame.stem for frame in run.manifest.frames}
    assert all(0 <= share <= 1 for share in data["moving_shares"].values())


def test_no_run_is_one_line_and_a_wrong_use(tmp_path):
    result = CliRunner().invoke(app, ["motion", str(tmp_path)])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert "no complete run" in result.stderr


def test_a_run_of_a_newer_schema_is_refused(run):
    path = run.directory / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99', 1))
    result = CliRunner().invoke(app, ["motion", str(run.directory)])
    assert result.exit_code == 2 and "schema is 99, expected 1" in result.stderr


def test_a_missing_frame_is_named(run):
    (run.directory / "depth" / "000001.npy").unlink()
    result = CliRunner().invoke(app, ["motion", str(run.directory)])
    assert result.exit_code == 2 and "000001.npy is missing" in result.stderr


def test_a_folder_of_runs_is_its_folders_and_a_table_of_failures(tmp_path):
    many = write_many_runs(tmp_path)
    (many / "b/depth/000001.npy").unlink()
    result = CliRunner().invoke(app, ["motion", str(many)])
    assert result.exit_code == 1 and result.stdout == f"{many}/a\n{many}/c\n"
    assert "a: 2 frames, " in result.stderr and "1 of 3 scenes failed" in result.stderr
    assert "2 done, 0 kept, 1 failed of 3 scenes; 4 frames in" in result.stderr
    table = [line for line in result.stderr.splitlines() if line.startswith("b  ")]
    assert len(table) == 1 and "000001.npy is missing" in table[0]
    result = CliRunner().invoke(app, ["motion", str(many), "--resume", "--json", "--quiet"])
    answer = json.loads(result.stdout)
    assert [run["state"] for run in answer["runs"]] == ["kept", "failed", "kept"]
    assert answer["runs"][1]["error"] and answer["frames"] == 4
    assert set(answer["runs"][0]["moving_shares"]) == {"000000", "000001"}
