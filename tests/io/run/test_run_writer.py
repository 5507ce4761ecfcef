import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from run_manifest import manifest

from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.run import writer as run_writer
from page4d_cli.io.run.manifest import read_manifest
from page4d_cli.io.run.writer import RunWriter, check_place

KILLED = """
import os, signal, sys
from pathlib import Path
from page4d_cli.io.run.writer import RunWriter
with RunWriter(Path(sys.argv[1])) as writer:
    writer.path("depth/0.npy").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def tree(root):
    """Every path below `root` with its content."""
    paths = sorted(root.rglob("*"))
    return {p.relative_to(root).as_posix(): p.read_bytes() if p.is_file() else None for p in paths}


def write_run(out, files, overwrite=False):
    with RunWriter(out, overwrite=overwrite) as writer:
        for file, text in files.items():
            writer.path(file).write_text(text)
        return writer.commit(manifest())


def partial(out, pid, host=None):
    return out.parent / f".{out.name}.{host or socket.gethostname()}-{pid}.partial"


@pytest.fixture
def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_run_appears_whole_with_its_manifest(tmp_path):
    out = tmp_path / "preds"
    committed = write_run(out, {"trajectory.txt": "t", "depth/1.npy": "b", "depth/0.npy": "a"})
    assert committed.files == ("depth/0.npy", "depth/1.npy", "trajectory.txt")
    assert read_manifest(out) == committed
    assert (out / "depth/1.npy").read_text() == "b"
    assert [path.name for path in tmp_path.iterdir()] == ["preds"]


def test_nothing_shows_before_the_commit(tmp_path):
    out = tmp_path / "preds"
    with RunWriter(out) as writer:
        writer.path("depth/0.npy").write_text("a")
        assert not out.exists()
        writer.commit(manifest())
    assert out.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_leaves_nothing(tmp_path, error):
    with pytest.raises(error), RunWriter(tmp_path / "new/deep/preds") as writer:
        writer.path("depth/0.npy").write_text("half")
        raise error
    assert tree(tmp_path) == {}


def test_leaving_without_commit_leaves_nothing(tmp_path):
    with RunWriter(tmp_path / "new/preds") as writer:
        writer.path("depth/0.npy").write_text("half")
    assert tree(tmp_path) == {}


def test_an_interrupted_overwrite_leaves_the_old_run(tmp_path):
    write_run(tmp_path / "preds", {"depth/0.npy": "old"})
    before = tree(tmp_path)
    with pytest.raises(KeyboardInterrupt), RunWriter(tmp_path / "preds", overwrite=True) as writer:
        writer.path("depth/0.npy").write_text("new")
        raise KeyboardInterrupt
    assert tree(tmp_path) == before


def test_parents_that_were_there_or_hold_something_else_stay(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="x"), RunWriter(tmp_path / "there/new/preds"):
        (tmp_path / "there/new/foreign.txt").write_text("f")
        raise ValueError("x")
    assert list(tree(tmp_path)) == ["there", "there/new", "there/new/foreign.txt"]


def test_a_second_run_is_refused_and_nothing_changes(tmp_path):
    write_run(tmp_path / "preds", {"depth/0.npy": "old"})
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=r"holds a run already; --overwrite .*--resume .*--out"):
        write_run(tmp_path / "preds", {"depth/0.npy": "new"})
    assert tree(tmp_path) == before


def test_a_directory_of_other_things_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty and holds no complete run; --overwrite"):
        write_run(tmp_path, {"depth/0.npy": "new"})
    assert list(tree(tmp_path)) == ["notes.txt"]


def test_an_empty_directory_is_taken(tmp_path):
    write_run(tmp_path, {"cloud.ply": "c"})
    assert sorted(tree(tmp_path)) == ["cloud.ply", "manifest.json"]


def test_overwrite_keeps_foreign_files_and_drops_what_only_the_old_run_had(tmp_path):
    out = tmp_path / "preds"
    write_run(out, {"depth/0.npy": "old", "depth/1.npy": "old", "points/0.npy": "old"})
    (out / "depth/mine.txt").write_text("mine")
    (out / "notes.txt").write_text("mine")
    write_run(out, {"depth/0.npy": "new", "cloud.ply": "new"}, overwrite=True)
    files = {name: text for name, text in tree(out).items() if name != "manifest.json"}
    assert files == {
        "cloud.ply": b"new",
        "depth": None,
        "depth/0.npy": b"new",
        "depth/mine.txt": b"mine",
        "notes.txt": b"mine",
    }
    assert read_manifest(out).files == ("cloud.ply", "depth/0.npy")


def test_overwrite_in_a_directory_without_a_run_replaces_same_names_only(tmp_path):
    (tmp_path / "cloud.ply").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    write_run(tmp_path, {"cloud.ply": "new"}, overwrite=True)
    assert (tmp_path / "cloud.ply").read_text() == "new"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_does_not_touch_the_manifest_of_another_program(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "web app"}')
    words = r"from which its files cannot be told .*schema is missing"
    with pytest.raises(OutputError, match=words), RunWriter(tmp_path, overwrite=True):
        pytest.fail("to be refused before the work")
    assert tree(tmp_path) == {"manifest.json": b'{"name": "web app"}'}


@pytest.mark.parametrize("link", [False, True])
def test_out_may_be_reached_through_a_link(tmp_path, link):
    (tmp_path / "real").mkdir()
    if link:
        (tmp_path / "preds").symlink_to(tmp_path / "real")
    write_run(tmp_path / ("preds" if link else "real/../real"), {"cloud.ply": "c"})
    assert sorted(tree(tmp_path / "real")) == ["cloud.ply", "manifest.json"]


def test_out_may_be_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_run(Path(), {"cloud.ply": "c"})
    assert sorted(tree(Path())) == ["cloud.ply", "manifest.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_out_on_a_file_or_below_one(tmp_path, overwrite):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"file is a file; give a directory"):
        write_run(tmp_path / "file", {}, overwrite)
    with pytest.raises(OutputError, match=r"cannot write to .*below: .*file is a file; choose"):
        write_run(tmp_path / "file/below", {}, overwrite)
    assert tree(tmp_path) == {"file": b"mine"}


def test_a_loop_of_links(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot write to"):
        write_run(tmp_path / "a/preds", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_without_write_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="Permission denied; choose another --out"):
        write_run(tmp_path / "locked/preds", {})


def test_a_read_only_file_system(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(run_writer, "create_staging", refuse)
    with pytest.raises(OutputError, match=r"preds: Read-only file system; choose another --out"):
        write_run(tmp_path / "new/preds", {})
    assert tree(tmp_path) == {}


def test_a_disk_that_fills_up_while_maps_are_written(tmp_path, monkeypatch):
    def full(path, _):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(WriteError, match="No space left"), RunWriter(tmp_path / "preds") as writer:
        with run_writer.writing(writer.path("depth/0.npy")):
            np.save(writer.path("depth/0.npy"), np.zeros(3))
        writer.commit(manifest())
    assert tree(tmp_path) == {}


def test_a_disk_that_has_no_room_for_the_manifest_leaves_the_old_run(tmp_path, monkeypatch):
    write_run(tmp_path / "preds", {"depth/0.npy": "old"})
    before = tree(tmp_path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with RunWriter(tmp_path / "preds", overwrite=True) as writer:
        writer.path("depth/0.npy").write_text("new")
        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(WriteError, match=r"preds: No space left on device; free some disk"):
            writer.commit(manifest())
    assert tree(tmp_path) == before


def test_a_manifest_that_is_no_json_changes_nothing(tmp_path):
    with (
        pytest.raises(ValueError, match="not JSON compliant"),
        RunWriter(tmp_path / "preds") as writer,
    ):
        writer.commit(manifest(mask_strength=float("nan")))
    assert tree(tmp_path) == {}


def test_a_place_that_was_taken_in_the_meantime_is_not_overwritten(tmp_path):
    with RunWriter(tmp_path / "preds") as writer:
        writer.path("cloud.ply").write_text("late")
        (tmp_path / "preds").mkdir()
        (tmp_path / "preds/manifest.json").write_text("early")
        with pytest.raises(OutputError, match="holds a run already"):
            writer.commit(manifest())
    assert tree(tmp_path) == {"preds": None, "preds/manifest.json": b"early"}


def test_what_is_in_the_way_is_said_before_the_work(tmp_path):
    (tmp_path / "depth").write_text("mine")
    (tmp_path / "cloud.ply").mkdir()
    with RunWriter(tmp_path, overwrite=True) as writer:
        with pytest.raises(OutputError, match=r"depth is in the way of depth/0\.npy; move it away"):
            writer.path("depth/0.npy")
        with pytest.raises(OutputError, match=r"cloud\.ply is in the way of cloud\.ply"):
            writer.path("cloud.ply")
    assert tree(tmp_path) == {"cloud.ply": None, "depth": b"mine"}


def test_a_directory_with_a_manifest_is_complete_at_every_moment(tmp_path, monkeypatch):
    out, replace = tmp_path / "preds", Path.replace
    write_run(out, {"depth/0.npy": "old", "depth/1.npy": "old"})
    moved = []

    def watch(self, target):
        assert not (out / "manifest.json").exists()
        moved.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    write_run(out, {"depth/0.npy": "new", "trajectory.txt": "new"}, overwrite=True)
    assert moved == ["0.npy", "trajectory.txt", "manifest.json"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_commit_waits_for_its_end(tmp_path, monkeypatch, sent):
    replace = Path.replace

    def replace_and_interrupt(self, target):
        signal.raise_signal(sent)
        return replace(self, target)

    def leave(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", replace_and_interrupt)
    before = signal.signal(sent, leave)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_run(tmp_path / "preds", {"depth/0.npy": "a", "depth/1.npy": "b"})
        assert signal.getsignal(sent) is leave
    finally:
        signal.signal(sent, before)
    assert len(read_manifest(tmp_path / "preds").files) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["preds"]


def test_a_run_can_be_written_from_another_thread(tmp_path):
    thread = threading.Thread(target=write_run, args=(tmp_path / "preds", {"cloud.ply": "c"}))
    thread.start()
    thread.join()
    assert read_manifest(tmp_path / "preds").files == ("cloud.ply",)


def test_a_killed_run_leaves_only_a_partial_that_the_next_one_removes(tmp_path):
    out = tmp_path / "preds"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".preds.")
    assert left.name.endswith(".partial")
    write_run(out, {"cloud.ply": "c"})
    assert [path.name for path in tmp_path.iterdir()] == ["preds"]


def test_partials_of_others_stay(tmp_path, dead_pid):
    out = tmp_path / "preds"
    stay = [
        partial(out, dead_pid, host="elsewhere"),
        partial(tmp_path / "preds2", dead_pid),
        partial(out, "notes"),
    ]
    gone = [partial(out, dead_pid), partial(out, os.getpid())]
    for path in stay + gone:
        path.mkdir()
    write_run(out, {"cloud.ply": "c"})
    assert [path.exists() for path in stay] == [True] * 3
    assert [path.exists() for path in gone] == [False] * 2


def test_two_runs_into_one_place_do_not_mix(tmp_path):
    out = tmp_path / "preds"
    partial(out, os.getppid()).mkdir()  # our parent lives
    with pytest.raises(OutputError, match=r"another page4d is writing a run to .*preds"):
        write_run(out, {"cloud.ply": "c"}, overwrite=True)
    assert partial(out, os.getppid()).exists()
    assert not out.exists()


def test_a_volume_of_its_own_is_staged_inside(tmp_path, monkeypatch, dead_pid):
    out = tmp_path / "preds"
    out.mkdir()
    (out / partial(out, dead_pid).name).mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # the parent is locked
    with RunWriter(out) as writer:
        assert writer.path("cloud.ply").parent.parent == out
        writer.path("cloud.ply").write_text("c")
        writer.commit(manifest())
    assert sorted(tree(out)) == ["cloud.ply", "manifest.json"]


def test_check_place_changes_nothing(tmp_path):
    check_place(tmp_path / "new/preds")
    check_place(tmp_path)
    assert tree(tmp_path) == {}
