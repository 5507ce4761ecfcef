import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from camera_paths import read_tum
from PIL import Image

from page4d_cli.core.enums import LengthUnit, LoopSearch, Save
from page4d_cli.core.errors import InputError, OutOfMemoryError, RunError, WriteError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.io.run.directory import is_complete, of_segment, open_run
from page4d_cli.io.run.windows import read_window
from page4d_cli.join.choice import WindowChoice
from page4d_cli.pipelines.infer import windows as module
from page4d_cli.pipelines.infer.run import RunOptions, write_run
from page4d_cli.pipelines.infer.run_files import RunFiles
from page4d_cli.pipelines.infer.windows import spans_of_earlier, write_run_in_windows
from page4d_cli.pipelines.rejoin.rejoin import RejoinOptions, rejoin

SPANS = WindowChoice(4, 2).spans(9)
SAVE = frozenset(Save) - {Save.POINTS}


@pytest.fixture
def long_clip(tmp_path):
    (tmp_path / "long").mkdir()
    rng = np.random.default_rng(0)
    for index in range(9):
        picture = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
        picture.resize((56, 42)).save(tmp_path / f"long/{index:06d}.png")
    return load_frames(tmp_path / "long", size=56)


def span_of(numbers):
    return int(numbers[0]), int(numbers[-1]) + 1


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def test_a_long_clip_becomes_a_run_like_any_other(model, long_clip, tmp_path):
    manifest = write_run_in_windows(
        model, long_clip, SPANS, tmp_path / "run", RunOptions(save=SAVE)
    )
    run = open_run(tmp_path / "run")
    assert is_complete(tmp_path / "run") and len(manifest.frames) == 9
    assert np.isfinite(run.extrinsics()).all()
    assert len(np.unique(run.intrinsics(), axis=0)) == 1  # one focal length
    np.testing.assert_allclose(run.extrinsics()[0], np.eye(4)[:3], atol=1e-6)
    names = [f"windows/{a:06d}-{b - 1:06d}.npz" for a, b in SPANS]
    assert [file for file in manifest.files if file.startswith("windows/")] == sorted(names)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_windows_of_a_run_can_be_joined_again(model, long_clip, tmp_path):
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions(save=SAVE))
    rejoined = rejoin(tmp_path / "run", tmp_path / "again").path
    np.testing.assert_allclose(
        np.loadtxt(tmp_path / "run/trajectory.txt"),
        np.loadtxt(tmp_path / "again/trajectory.txt"),
        atol=1e-6,  # a run's cameras are float32
    )
    assert len(rejoined.pieces) == len(SPANS)


def test_one_frame_of_depth_is_that_of_its_window_in_the_joined_unit(model, long_clip, tmp_path):
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions(save=SAVE))
    scale = np.exp(rejoin(tmp_path / "run", tmp_path / "again").path.log_scales[0])
    first = write_run(
        model, load_frames(tmp_path / "long", size=56, max_frames=4), tmp_path / "4", RunOptions()
    )
    assert len(first.frames) == 4
    expected = scale * open_run(tmp_path / "4").depth(0)
    np.testing.assert_allclose(open_run(tmp_path / "run").depth(0), expected, rtol=1e-3)


@pytest.mark.parametrize("finished", [0, 1, 3])
def test_an_interrupted_run_goes_on_and_ends_the_same_byte_for_byte(
    model, long_clip, tmp_path, monkeypatch, finished
):
    options = RunOptions(save=SAVE)
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "whole", options)
    predict, predicted = module.predict_window, []

    def failing(*arguments):
        if len(predicted) == finished:
            raise KeyboardInterrupt
        predicted.append(arguments[-1])
        return predict(*arguments)

    monkeypatch.setattr(module, "predict_window", failing)
    with pytest.raises(KeyboardInterrupt):
        write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", options)
    assert not (tmp_path / "run").exists()
    asked = []
    monkeypatch.setattr(
        module, "predict_window", lambda *a: asked.append(span_of(a[-1])) or predict(*a)
    )
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", options, resume=True)
    assert asked == SPANS[finished:]
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")


def test_windows_of_other_pictures_or_damaged_ones_are_not_kept(
    model, long_clip, tmp_path, monkeypatch
):
    predict, asked = module.predict_window, []

    def until_the_last(*arguments):
        if span_of(arguments[-1]) == SPANS[-1]:
            raise KeyboardInterrupt
        return predict(*arguments)

    def leave_windows():
        monkeypatch.setattr(module, "predict_window", until_the_last)
        with pytest.raises(KeyboardInterrupt):
            write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
        monkeypatch.setattr(
            module, "predict_window", lambda *a: asked.append(span_of(a[-1])) or predict(*a)
        )
        asked.clear()

    leave_windows()
    damaged = next((tmp_path / ".run.windows/windows").glob("000002-*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions(), resume=True)
    assert asked == [SPANS[1], SPANS[-1]]
    leave_other = RunOptions(overwrite=True)
    long_clip.images[0, 0, 0, 0] ^= 255
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", leave_other, resume=True)
    assert asked[2:] == SPANS


def test_points_are_of_one_pass():
    with pytest.raises(InputError, match="--save points needs one pass"):
        RunOptions(save=frozenset(Save), windows=WindowChoice(4))


KILLED = """
import os, runpy, signal
from page4d_cli.io.run.windows import WindowStore

write = WindowStore.write

def once_more(store, kind, window):
    write(store, kind, window)
    if len(list(store.folder.glob("windows/*.npz"))) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

WindowStore.write = once_more
runpy.run_module("page4d_cli", run_name="__main__", alter_sys=True)
"""


@pytest.mark.usefixtures("long_clip")
def test_a_run_that_was_killed_goes_on_from_its_windows(tmp_path):
    """The command line, and a kill that no program survives, at a moment that no load moves."""
    words = ["infer", str(tmp_path / "long"), "--weights", "tiny", "--device", "cpu"]
    words += ["--window", "4", "--overlap", "2"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words, "--out", str(tmp_path / "run")])
    assert killed.returncode == -signal.SIGKILL
    hidden = tmp_path / ".run.windows/windows"
    assert len(list(hidden.glob("*.npz"))) == 2 and not (tmp_path / "run").exists()
    page4d = [sys.executable, "-m", "page4d_cli", *words]
    for out, more in (("run", ["--resume"]), ("whole", [])):
        subprocess.run([*page4d, "--out", str(tmp_path / out), *more], check=True)
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")
    assert not hidden.parent.exists()


@pytest.mark.parametrize("last_step", ["write_derived", "write_cameras"])
def test_no_window_is_lost_before_the_run_is_complete(
    model, long_clip, tmp_path, monkeypatch, last_step
):
    with monkeypatch.context() as patch:
        patch.setattr(RunFiles, last_step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
    half = tmp_path / ".run.windows/windows/.000002-000005.npz.partial"
    half.mkdir()  # as a kill while it is written leaves it
    monkeypatch.setattr(module, "predict_window", lambda *_: 1 / 0)
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions(), resume=True)
    assert is_complete(tmp_path / "run")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_windows_are_moved_where_there_are_no_hard_links(model, long_clip, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
    assert is_complete(tmp_path / "run")
    assert len(list((tmp_path / "run/windows").iterdir())) == len(SPANS)


def test_each_segment_has_files_of_its_own_and_no_file_a_path_across_a_cut(
    model, long_clip, tmp_path, monkeypatch
):
    monkeypatch.setattr("page4d_cli.join.join.find_cuts", lambda _cameras: [5])
    manifest = write_run_in_windows(
        model, long_clip, SPANS, tmp_path / "run", RunOptions(save=SAVE)
    )
    assert manifest.worlds == (range(5), range(5, 9)) and manifest.unit is LengthUnit.RELATIVE
    assert manifest.joining["segments"] == [0, 5] and len(manifest.joining["windows"]) == len(SPANS)
    run = open_run(tmp_path / "run")
    for file in ("trajectory.txt", "trajectory.png", "cloud.ply"):
        assert file not in manifest.files
        assert {of_segment(file, 1, 2), of_segment(file, 2, 2)} <= set(manifest.files)
    for number, frames in enumerate(manifest.worlds, start=1):
        stamps_s, poses = read_tum(tmp_path / f"run/trajectory_{number}.txt")
        assert stamps_s.tolist() == run.timestamps_s[frames].tolist()
        np.testing.assert_allclose(poses, invert_rigid(run.extrinsics()[frames]), atol=1e-5)


@pytest.fixture
def clip_that_returns(tmp_path):
    """A camera that passes by twenty-four pictures, and comes back to the first six."""
    (tmp_path / "round").mkdir()
    rng = np.random.default_rng(3)
    seen = [rng.integers(0, 256, (5, 6, 3), np.uint8) for _ in range(24)]
    for index, small in enumerate([*seen, *seen[:6]]):
        picture = Image.fromarray(small).resize((56, 42))
        picture.save(tmp_path / f"round/{index:06d}.png")
    return load_frames(tmp_path / "round", size=56)


def test_places_that_come_back_are_looked_at_together_and_what_is_found_is_kept(
    model, clip_that_returns, tmp_path
):
    choice = WindowChoice(6, 3)
    options = RunOptions(windows=choice)
    spans = choice.spans(30)
    manifest = write_run_in_windows(model, clip_that_returns, spans, tmp_path / "run", options)
    looks = [read_window(path).indices for path in sorted((tmp_path / "run/loops").glob("*.npz"))]
    assert any(look[:3].min() >= 22 and look[3:].max() <= 8 for look in looks)
    said = manifest.joining["loops"]
    assert len(said) == len(looks) and all(loop["reason"] for loop in said)
    skips = [read_window(path).indices for path in sorted((tmp_path / "run/skips").glob("*.npz"))]
    assert [skip.tolist() for skip in skips] == [[*range(0, 24, 4)], [*range(8, 30, 4)]]
    again = rejoin(tmp_path / "run", tmp_path / "again").path
    expected = invert_rigid(open_run(tmp_path / "run").extrinsics())
    np.testing.assert_allclose(again.T_world_camera, expected, atol=1e-5)
    off = RunOptions(windows=WindowChoice(6, 3, LoopSearch.OFF), drop_windows=True)
    manifest = write_run_in_windows(model, clip_that_returns, spans, tmp_path / "off", off)
    assert manifest.joining["loops"] == [] and is_complete(tmp_path / "off")
    assert not any((tmp_path / "off" / kind).exists() for kind in ("windows", "skips", "loops"))
    assert not (tmp_path / ".off.windows").exists()


def test_skips_and_loops_that_do_not_fit_are_left_out_and_told(
    model, clip_that_returns, tmp_path, monkeypatch
):
    predict = module.predict_window

    def only_windows(*arguments):
        if (np.diff(arguments[-1]) != 1).any():
            raise OutOfMemoryError("no")
        return predict(*arguments)

    monkeypatch.setattr(module, "predict_window", only_windows)
    options = RunOptions(windows=WindowChoice(6, 3))
    spans = options.windows.spans(30)
    manifest = write_run_in_windows(model, clip_that_returns, spans, tmp_path / "run", options)
    for kind in ("windows of every fourth frame", "windows of places seen twice"):
        assert any(f"{kind} did not fit" in problem for problem in manifest.problems)


def test_a_window_of_another_run_or_a_lost_one_is_told(model, long_clip, tmp_path):
    write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
    windows = sorted((tmp_path / "run/windows").glob("*.npz"))
    windows[1].unlink()
    assert rejoin(tmp_path / "run", tmp_path / "a").missing == (f"windows/{windows[1].name}",)
    shutil.copy(windows[0], windows[1])
    with pytest.raises(RunError, match="is not as the run wrote it"):
        rejoin(tmp_path / "run", tmp_path / "b")
    windows[1].rename(windows[1].with_name("other.npz"))
    with pytest.raises(RunError, match=r"other\.npz is not of the run"):
        rejoin(tmp_path / "run", tmp_path / "b")
    windows[1].with_name("other.npz").unlink()
    rejoin(tmp_path / "run", tmp_path / "b", RejoinOptions(drop_windows=True))
    assert not (tmp_path / "run/windows").exists() and is_complete(tmp_path / "run")


def test_a_window_that_does_not_fit_is_halved_and_finished_ones_stay(
    model, long_clip, tmp_path, monkeypatch
):
    predict, asked = module.predict_window, []

    def small(*arguments):
        first, stop = int(arguments[-1][0]), int(arguments[-1][-1]) + 1
        asked.append((first, stop))
        if first >= 2 and stop - first > 3:
            raise OutOfMemoryError("no")
        return predict(*arguments)

    monkeypatch.setattr(module, "predict_window", small)
    manifest = write_run_in_windows(
        model, long_clip, SPANS, tmp_path / "run", RunOptions(save=SAVE)
    )
    shorter = [(2, 4), (3, 5), (4, 6), (5, 7), (6, 8), (7, 9)]
    assert asked[: 2 + len(shorter)] == [SPANS[0], SPANS[1], *shorter]
    assert any("4 frames at once did not fit" in problem for problem in manifest.problems)
    assert np.isfinite(open_run(tmp_path / "run").extrinsics()).all()
    monkeypatch.setattr(module, "predict_window", predict)
    write_run_in_windows(
        model, long_clip, [SPANS[0], *shorter], tmp_path / "asked", RunOptions(save=SAVE)
    )
    assert files_of(tmp_path / "run") == files_of(tmp_path / "asked")


def test_an_interrupted_run_keeps_how_it_was_cut(model, long_clip, tmp_path, monkeypatch):
    """Whatever memory is free by then, the result is that of the uninterrupted run."""
    predict, options = module.predict_window, RunOptions(save=SAVE)
    monkeypatch.setattr(
        module, "predict_window", lambda *a: predict(*a) if a[-1][0] == 0 else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", options)
    assert list(spans_of_earlier(model, long_clip, tmp_path / "run", options)) == SPANS
    other = RunOptions(save=SAVE, settings={"source": "another"})
    assert spans_of_earlier(model, long_clip, tmp_path / "run", other) is None
    assert spans_of_earlier(model, long_clip, tmp_path / "new", options) is None


def test_two_frames_that_do_not_fit_are_an_error(model, long_clip, tmp_path, monkeypatch):
    def nothing_fits(*_):
        raise OutOfMemoryError("2 frames do not fit")

    monkeypatch.setattr(module, "predict_window", nothing_fits)
    with pytest.raises(OutOfMemoryError, match="2 frames do not fit"):
        write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_full_leaves_the_finished_windows(model, long_clip, tmp_path, monkeypatch):
    save, written = np.savez, []

    def until_full(*arguments, **arrays):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(arguments)
        save(*arguments, **arrays)

    monkeypatch.setattr(np, "savez", until_full)
    with pytest.raises(WriteError, match=r"No space left.*--resume goes on from the finished"):
        write_run_in_windows(model, long_clip, SPANS, tmp_path / "run", RunOptions())
    kept = [path.name for path in sorted((tmp_path / ".run.windows/windows").iterdir())]
    assert kept == ["000000-000003.npz", "000002-000005.npz"]
    assert not (tmp_path / "run").exists()
