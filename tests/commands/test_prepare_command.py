import json

import pytest
from raw_rgbd import steady, write_raw
from typer.testing import CliRunner

from page4d_cli.app import app


def page4d(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def raw(tmp_path):
    return write_raw(
        tmp_path / "raw/walking", steady(12), steady(11, delay_s=0.008), steady(60, 100)
    )


def test_the_table_says_what_was_kept_and_how_far_off_it_is(raw):
    result = page4d("prepare-tum", raw, "--frames", 3)
    assert result.exit_code == 0 and result.stderr == ""
    words = " ".join(result.stdout.splitlines()[-1].split())
    assert words.startswith("walking 3 12 0 1 8.0, worst 8.0 ms ")
    assert words.endswith("ms prepared")
    assert "unchanged" in page4d("prepare-tum", raw, "--frames", 3).stdout


def test_fewer_frames_than_asked_for_are_a_warning(raw):
    result = page4d("prepare-tum", raw, "--quiet")
    assert result.exit_code == 0
    assert result.stderr == "warning: walking: 4 frames, 90 were asked for\n"
    assert "4 (asked: 90)" in result.stdout


def test_json_is_one_object(raw, tmp_path):
    words = ("prepare-bonn", raw, "--out", tmp_path / "out", "--pairing", "index")
    result = page4d(*words, "--start", 1, "--frames", 4, "--json")
    assert result.exit_code == 0 and result.stderr == ""
    told = json.loads(result.stdout)
    assert told["settings"] == {
        "dataset": "bonn",
        "frames": 4,
        "start": 1,
        "stride": 1,
        "pairing": "index",
        "link": "copy",
        "overwrite": False,
    }
    (one,) = told["sequences"]
    assert (one["name"], one["status"], one["frames"]) == ("walking", "prepared", 4)
    # Rows 1 to 4, pictures 30 a second, poses 100 a second.
    expected = {"median": 58.333, "worst": 93.333}
    assert one["pose_offset_ms"] == pytest.approx(expected, abs=0.002)
    assert told["failures"] == []


def test_a_bad_sequence_among_good_ones_ends_with_1(raw):
    bad = write_raw(raw.parent / "bad", steady(6), steady(6), steady(6))
    (bad / "rgb.txt").write_text("1000 rgb/a.png\nnonsense\n")
    result = page4d("prepare-tum", raw.parent, "--frames", 2, "--json")
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {bad}/rgb.txt, line 2: 1 column; expected 2: timestamp file\n"
    )
    told = json.loads(result.stdout)
    assert [one["name"] for one in told["sequences"]] == ["walking"]
    assert [one["name"] for one in told["failures"]] == ["bad"]


def test_a_bad_sequence_alone_ends_with_2(raw):
    (raw / "groundtruth.txt").write_text("")
    result = page4d("prepare-tum", raw)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and "groundtruth.txt has no rows" in result.stderr


def test_other_settings_need_overwrite(raw):
    assert page4d("prepare-tum", raw, "--frames", 3).exit_code == 0
    refused = page4d("prepare-tum", raw, "--frames", 3, "--stride", 1)
    assert refused.exit_code == 2 and "--overwrite replaces them" in refused.stderr
    again = page4d("prepare-tum", raw, "--frames", 3, "--stride", 1, "--overwrite")
    assert again.exit_code == 0 and "replaced" in again.stdout
