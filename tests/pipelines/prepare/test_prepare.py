import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_rgbd import contents, steady, write_raw

from page4d_cli.core.enums import Link, Pairing
from page4d_cli.core.errors import DatasetError, InputError, WriteError
from page4d_cli.data.sets.rgbd.bonn import read_bonn_prepared
from page4d_cli.data.sets.rgbd.pairing import read_recording
from page4d_cli.data.sets.rgbd.tum import read_tum_prepared
from page4d_cli.pipelines.prepare.plan import BONN, TUM
from page4d_cli.pipelines.prepare.prepare import prepare, raw_folders
from page4d_cli.pipelines.prepare.report import Status

SMALL = replace(TUM, frames=5, stride=2)
RAW = {"rgb", "depth", "rgb.txt", "depth.txt", "groundtruth.txt"}
PREPARED = {"rgb_5", "depth_5", "groundtruth_5.txt", "associations_5.txt"}


@pytest.fixture
def raw(tmp_path):
    return write_raw(
        tmp_path / "raw/walking", steady(12), steady(12, delay_s=0.008), steady(60, 100, 0.003)
    )


def run(raw, options=SMALL, **where):
    report = prepare([raw], options, **where)
    assert not report.failures, report.failures
    (one,) = report.sequences
    return one


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_files_are_as_described(raw):
    one = run(raw)
    assert names(raw) == RAW | PREPARED and names(raw.parent) == {"walking"}
    stamps = [0, 0.066667, 0.133333, 0.2, 0.266667]
    assert names(raw / "rgb_5") == {f"{1000 + stamp:.6f}.png" for stamp in stamps}
    assert (raw / "associations_5.txt").read_text().splitlines()[:3] == [
        "# page4d prepare-tum: pairing timestamp, start 0, stride 2, frames 5, link copy",
        "# t_rgb rgb t_depth depth t_pose",
        "1000.000000 rgb_5/1000.000000.png 1000.008000 depth_5/1000.008000.png 1000.0030",
    ]
    assert (raw / "groundtruth_5.txt").read_text().splitlines()[:2] == [
        "# timestamp tx ty tz qx qy qz qw",
        "1000.0030 0 0 0 0 0 0 1",
    ]
    assert one.status is Status.PREPARED and (one.frames, one.pictures) == (5, 12)
    assert (one.depth_offset_ms.median, one.depth_offset_ms.worst) == (8.0, 8.0)
    assert one.pose_offset_ms.worst == pytest.approx(4, abs=1)


def test_what_is_read_back_is_what_the_raw_folder_pairs(raw, tmp_path):
    recording = read_recording(raw)
    run(raw, out=tmp_path / "out")
    folder = tmp_path / "out/walking"
    sequence = read_tum_prepared(folder, folder / "rgb_5")
    assert [path.name for path in sequence.frames] == [p.name for p in recording.images[:10:2]]
    np.testing.assert_array_equal(sequence.timestamps_s, recording.timestamps_s[:10:2])
    expected = recording.pose_timestamps_s[:10:2]
    np.testing.assert_array_equal(sequence.pose_timestamps_s, expected)
    assert [int(sequence.read_image(k)[0, 0, 0]) for k in range(5)] == [0, 2, 4, 6, 8]
    maps = [sequence.read_depth(k)[0, 0] * 5000 for k in range(5)]
    np.testing.assert_allclose(maps, [0, 2, 4, 6, 8], atol=1e-3)
    assert names(raw) == RAW


def test_bonn_by_index_is_read_back_by_index(raw):
    run(raw, replace(BONN, start=2, frames=5, pairing=Pairing.INDEX))
    sequence = read_bonn_prepared(raw, raw / "rgb_5")
    assert [int(sequence.read_image(k)[0, 0, 0]) for k in range(5)] == [2, 3, 4, 5, 6]
    # Pose rows 2 to 6 of a list that runs at 100 a second.
    expected = 1000.003 + np.arange(2, 7) / 100
    np.testing.assert_allclose(sequence.pose_timestamps_s, expected, atol=1e-6)


def test_a_second_run_changes_nothing(raw):
    run(raw)

    def written():
        """What reading does not change."""
        states = {path: path.stat() for path in raw.rglob("*")}
        return {path: (s.st_ino, s.st_size, s.st_mtime_ns) for path, s in states.items()}

    before = written()
    assert run(raw).status is Status.UNCHANGED
    assert written() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(SMALL, stride=1), "made with: page4d prepare-tum: pairing timestamp, start 0, st"),
        (replace(SMALL, link=Link.SYMLINK), "made with: .*link copy; --overwrite replaces them"),
        (replace(BONN, frames=5, start=0), "made with: page4d prepare-tum"),
    ],
)
def test_other_settings_are_refused_unless_told(raw, options, message):
    run(raw)
    before = contents(raw)
    report = prepare([raw], options)
    assert not report.sequences and contents(raw) == before
    with pytest.raises(InputError, match=message):
        raise InputError(report.failures[0].error)
    assert run(raw, replace(options, overwrite=True)).status is Status.REPLACED
    assert run(raw, options).status is Status.UNCHANGED
    assert names(raw) == RAW | PREPARED


def test_another_number_of_frames_stands_beside(raw):
    run(raw)
    run(raw, replace(SMALL, frames=3))
    assert names(raw) > PREPARED and len(names(raw / "rgb_3")) == 3


@pytest.mark.parametrize("name", ["rgb_5", "groundtruth_5.txt"])
def test_what_others_have_made_is_refused(raw, name):
    (raw / name).mkdir()
    (failure,) = prepare([raw], SMALL).failures
    assert f"has {name} already, not made by page4d" in failure.error


def test_files_that_others_have_added_are_not_removed(raw):
    run(raw)
    (raw / "rgb_5/mine.png").write_bytes(b"mine")
    (failure,) = prepare([raw], SMALL).failures
    assert "or changed since" in failure.error and (raw / "rgb_5/mine.png").exists()


def test_what_is_missing_or_cut_short_is_repaired(raw):
    run(raw)
    before = contents(raw)
    (raw / "rgb_5/1000.000000.png").unlink()
    (raw / "depth_5/1000.008000.png").write_bytes(b"")
    assert run(raw).status is Status.REPAIRED
    assert contents(raw) == before


@pytest.mark.parametrize("link", list(Link))
@pytest.mark.parametrize("elsewhere", [False, True])
def test_links(raw, tmp_path, link, elsewhere):
    options = replace(SMALL, link=link)
    run(raw, options, out=tmp_path / "out" if elsewhere else None)
    place = tmp_path / "out/walking" if elsewhere else raw
    source, target = raw / "rgb/1000.000000.png", place / "rgb_5/1000.000000.png"
    assert target.read_bytes() == source.read_bytes()
    assert target.is_symlink() == (link is Link.SYMLINK)
    same_file = target.stat().st_ino == source.stat().st_ino
    assert same_file == (link is not Link.COPY)
    if link is Link.SYMLINK:
        expected = source if elsewhere else Path("../rgb/1000.000000.png")
        assert target.readlink() == expected


def test_links_within_a_sequence_survive_its_move(raw, tmp_path):
    run(raw, replace(SMALL, link=Link.SYMLINK))
    moved = raw.rename(tmp_path / "moved")
    Image.open(moved / "depth_5/1000.008000.png").close()


def test_fewer_frames_than_asked_for_keep_the_names(raw):
    one = run(raw, replace(TUM, frames=7))
    assert (one.frames, one.frames_asked) == (4, 7)
    assert len(names(raw / "rgb_7")) == 4


def test_a_folder_of_sequences_is_taken_as_a_whole_and_the_good_ones_are_done(raw, tmp_path):
    write_raw(raw.parent / "sitting", steady(6), steady(6), steady(6))
    bad = write_raw(raw.parent / "bad", steady(6), steady(6), steady(6))
    (bad / "groundtruth.txt").write_text("# none\n")
    (raw.parent / ".hidden").mkdir()
    (raw.parent / ".hidden/rgb.txt").touch()
    report = prepare([raw.parent, raw], SMALL, out=tmp_path / "out")
    assert [one.name for one in report.sequences] == ["sitting", "walking"]
    assert [one.name for one in report.failures] == ["bad"]
    assert names(tmp_path / "out") == {"sitting", "walking"}
    assert names(bad) == RAW


def test_nothing_to_prepare_is_an_error_before_any_work(raw, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"empty holds no raw sequence; expected rgb\.txt"):
        prepare([raw, tmp_path / "empty"], SMALL)
    with pytest.raises(DatasetError, match="absent is no folder"):
        raw_folders(tmp_path / "absent")
    assert names(raw) == RAW


def test_two_sequences_of_one_name_need_two_places(raw, tmp_path):
    write_raw(tmp_path / "other/walking", steady(6), steady(6), steady(6))
    with pytest.raises(InputError, match="two sequences are called walking"):
        prepare([raw, tmp_path / "other"], SMALL, out=tmp_path / "out")
    assert len(prepare([raw, tmp_path / "other"], SMALL).sequences) == 2


def test_raw_files_in_the_way_are_never_replaced(raw):
    (raw / "rgb").rename(raw / "rgb_5")
    text = (raw / "rgb.txt").read_text()
    (raw / "rgb.txt").write_text(text.replace("rgb/", "rgb_5/"))
    before = contents(raw)
    (failure,) = prepare([raw], replace(SMALL, overwrite=True)).failures
    assert "rgb.txt, line 2" in failure.error and "where prepared files go" in failure.error
    assert contents(raw) == before


def test_a_place_that_cannot_be_used_is_named(raw, tmp_path):
    (tmp_path / "file").touch()
    (failure,) = prepare([raw], SMALL, out=tmp_path / "file").failures
    assert f"{tmp_path / 'file'}" in failure.error and "choose another --out" in failure.error
    (tmp_path / "out").mkdir()
    (tmp_path / "out/walking").touch()
    (failure,) = prepare([raw], SMALL, out=tmp_path / "out").failures
    assert "out/walking is a file" in failure.error


def test_prepared_files_are_not_written_into_a_raw_folder_of_frames(raw):
    for place in (raw, raw / "rgb"):
        with pytest.raises(InputError, match="is in the input"):
            prepare([raw], SMALL, out=place)
    assert names(raw) == RAW


def test_a_full_disk_leaves_nothing(raw, tmp_path, monkeypatch):
    def full(_source, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(WriteError, match="No space left"):
        prepare([raw], SMALL, out=tmp_path / "out/deep")
    assert names(tmp_path) == {"raw"}


KILLED = """
import os, shutil, signal, sys
from dataclasses import replace
from pathlib import Path
from page4d_cli.pipelines.prepare.prepare import prepare
from page4d_cli.pipelines.prepare.plan import TUM

owner, name, left = {"copy": (shutil, "copyfile", 3), "move": (Path, "replace", 3)}[sys.argv[2]]
real = getattr(owner, name)

def stop(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

setattr(owner, name, stop)
prepare([Path(sys.argv[1])], replace(TUM, frames=5, stride=2))
"""


@pytest.mark.parametrize("during", ["copy", "move"])
def test_a_kill_leaves_nothing_half_done_that_a_second_run_does_not_repair(raw, during):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(raw), during])
    assert ended.returncode == -signal.SIGKILL
    assert "associations_5.txt" not in names(raw)
    if during == "copy":
        assert names(raw) == RAW
    one = run(raw)
    assert names(raw) == RAW | PREPARED and names(raw.parent) == {"walking"}
    assert len(names(raw / "rgb_5")) == len(names(raw / "depth_5")) == one.frames == 5
