import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.whole import transaction as module
from page4d_cli.io.whole.lock import LOCK
from page4d_cli.io.whole.transaction import Transaction, check_place, mend, replacing
from page4d_cli.io.whole.writing import writing

INDEX = "index.json"
OLD = {"depth/0.npy": "old", "depth/1.npy": "old", "sub/gone.txt": "old"}
NEW = {"cloud.ply": "new", "depth/0.npy": "new"}
KILLED = """
import os, signal, sys
from pathlib import Path
from page4d_cli.io.whole.transaction import Transaction
with Transaction(Path(sys.argv[1]), "index.json") as folder:
    folder.path("depth/0.npy").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Killed(BaseException):
    """In place of a kill: nobody catches it."""


def tree(root):
    """Every path below `root` with its content."""
    paths = sorted(root.rglob("*"))
    return {p.relative_to(root).as_posix(): p.read_text() if p.is_file() else None for p in paths}


def files(out):
    """Content of the files by path, without the index."""
    there = {name: text for name, text in tree(out).items() if text is not None}
    there.pop(INDEX, None)
    return there


def listed(out):
    return json.loads((out / INDEX).read_text())["files"]


def commit(folder, replaced=None, **about):
    folder.commit(json.dumps({**about, "files": folder.files}), replaced=replaced)


def write(out, files, **options):
    with Transaction(out, INDEX, **options) as folder:
        for file, text in files.items():
            folder.path(file).write_text(text)
        commit(folder, note="a")


def partial(out):
    return out.parent / f".{out.name}.partial"


def test_a_folder_appears_whole_with_its_index(tmp_path):
    out = tmp_path / "new" / "out"
    write(out, {"t.txt": "t", "depth/1": "b", "depth/0": "a"})
    assert json.loads((out / INDEX).read_text()) == {
        "note": "a",
        "files": ["depth/0", "depth/1", "t.txt"],
    }
    assert files(out) == {"t.txt": "t", "depth/1": "b", "depth/0": "a"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_nothing_shows_before_the_commit(tmp_path):
    with Transaction(tmp_path / "out", INDEX) as folder:
        folder.path("depth/0.npy").write_text("a")
        assert not (tmp_path / "out").exists()
        commit(folder)
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, None])
def test_leaving_early_leaves_nothing(tmp_path, error):
    def leave():
        with Transaction(tmp_path / "new/deep/out", INDEX) as folder:
            folder.path("depth/0.npy").write_text("half")
            if error is not None:
                raise error

    if error is None:
        leave()
    else:
        with pytest.raises(error):
            leave()
    assert tree(tmp_path) == {}


def test_an_interrupted_overwrite_leaves_what_was_there(tmp_path):
    write(tmp_path / "out", OLD)
    before = tree(tmp_path)
    with (
        pytest.raises(KeyboardInterrupt),
        Transaction(tmp_path / "out", INDEX, overwrite=True) as folder,
    ):
        folder.path("depth/0.npy").write_text("new")
        raise KeyboardInterrupt
    assert tree(tmp_path) == before


def test_parents_that_were_there_or_hold_something_else_stay(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="x"), Transaction(tmp_path / "there/new/out", INDEX):
        (tmp_path / "there/new/foreign.txt").write_text("f")
        raise ValueError("x")
    assert list(tree(tmp_path)) == ["there", "there/new", "there/new/foreign.txt"]


@pytest.mark.parametrize("there", [{INDEX: '{"files": []}'}, {"notes.txt": "mine"}])
def test_a_folder_that_holds_something_is_refused_and_nothing_changes(tmp_path, there):
    for name, text in there.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(OutputError, match=r"not empty; --overwrite .*, or choose another --out"):
        write(tmp_path, NEW)
    assert tree(tmp_path) == there


def test_an_empty_folder_is_taken(tmp_path):
    write(tmp_path, {"cloud.ply": "c"})
    assert sorted(tree(tmp_path)) == ["cloud.ply", INDEX]


def test_overwriting_replaces_the_listed_files_and_no_others(tmp_path):
    out = tmp_path / "out"
    write(out, OLD)
    (out / "depth/mine.txt").write_text("mine")
    (out / "notes.txt").write_text("mine")
    write(out, NEW, overwrite=True)
    assert files(out) == {**NEW, "depth/mine.txt": "mine", "notes.txt": "mine"}
    assert listed(out) == sorted(NEW) and not (out / "sub").exists()


def test_overwriting_a_foreign_folder_replaces_same_names_only(tmp_path):
    (tmp_path / "cloud.ply").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, NEW, overwrite=True)
    assert files(tmp_path) == {**NEW, "notes.txt": "mine"}


@pytest.mark.parametrize(
    "text",
    ['{"name": "web app"}', "[]", "{", '{"files": 3}', '{"files": [3]}', '{"files": ["../x"]}'],
)
def test_a_foreign_index_is_not_touched(tmp_path, text):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "x").write_text("precious")
    (out / INDEX).write_text(text)
    with (
        pytest.raises(OutputError, match=r"index\.json: .* does not say which files are page4d's"),
        Transaction(out, INDEX, overwrite=True),
    ):
        pytest.fail("to be refused before the work")
    assert files(tmp_path) == {"out/" + INDEX: text, "x": "precious"}


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a//b", "n" * 256])
def test_no_file_is_written_outside(tmp_path, name):
    with (
        Transaction(tmp_path / "out", INDEX) as folder,
        pytest.raises(OutputError, match="choose another --out"),
    ):
        folder.path(name)
    assert tree(tmp_path) == {}


def test_nothing_is_written_or_removed_through_a_link(tmp_path):
    """Neither when the link was there before the work, nor when it came meanwhile."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    write(out, OLD)
    (out / "depth").rename(elsewhere)
    (out / "depth").symlink_to(elsewhere)
    before = tree(elsewhere)
    for late in (False, True):
        with (
            Transaction(out, INDEX, overwrite=True) as folder,
            pytest.raises(OutputError, match="depth is a link"),
        ):
            if late:
                folder.path("cloud.ply").write_text("new")
                commit(folder)
            folder.path("depth/0.npy")
    assert tree(elsewhere) == before and (out / INDEX).is_file()


def test_a_link_in_the_place_of_a_file_is_replaced_itself(tmp_path):
    out = tmp_path / "out"
    write(out, {"cloud.ply": "old", "stale": "old"})
    for name in ("cloud.ply", "stale"):
        (out / name).rename(tmp_path / name)
        (out / name).symlink_to(tmp_path / name)
    write(out, NEW, overwrite=True)
    assert files(out) == NEW and not (out / "cloud.ply").is_symlink()
    assert (tmp_path / "cloud.ply").read_text() == (tmp_path / "stale").read_text() == "old"


@pytest.mark.parametrize("link", [False, True])
def test_out_may_be_reached_through_a_link(tmp_path, link):
    (tmp_path / "real").mkdir()
    if link:
        (tmp_path / "out").symlink_to(tmp_path / "real")
    write(tmp_path / ("out" if link else "real/../real"), {"cloud.ply": "c"})
    assert sorted(tree(tmp_path / "real")) == ["cloud.ply", INDEX]


def test_out_may_be_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(Path(), {"cloud.ply": "c"})
    assert sorted(tree(Path())) == ["cloud.ply", INDEX]
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_a_name_as_long_as_may_be(tmp_path):
    out = tmp_path / ("n" * 255)
    write(out, NEW)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("overwrite", [False, True])
def test_out_on_a_file_or_below_one(tmp_path, overwrite):
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/below"):
        with pytest.raises(OutputError, match=r"cannot write to .*file is a file; choose"):
            write(tmp_path / place, {}, overwrite=overwrite)
    assert tree(tmp_path) == {"file": "mine"}


def test_a_loop_of_links(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot write to"):
        write(tmp_path / "a/out", {})


def test_a_place_that_may_not_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="is read-only; choose another place"):
        write(tmp_path / "out", {})
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.EROFS, OutputError, "Read-only file system; choose another --out"),
        (errno.ENOSPC, WriteError, "No space left on device; free some disk space"),
    ],
)
def test_a_file_system_that_refuses(tmp_path, monkeypatch, number, error, words):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(error, match=words):
        write(tmp_path / "new/out", {})
    assert tree(tmp_path) == {}


def test_a_disk_that_fills_up_while_files_are_written(tmp_path, monkeypatch):
    def full(path, _):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with (
        pytest.raises(WriteError, match="No space left"),
        Transaction(tmp_path / "out", INDEX) as f,
    ):
        with writing(f.path("depth/0.npy")):
            np.save(f.path("depth/0.npy"), np.zeros(3))
        commit(f)
    assert tree(tmp_path) == {}


def test_a_disk_that_has_no_room_for_the_index(tmp_path, monkeypatch):
    write(tmp_path / "out", OLD)
    before = tree(tmp_path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Transaction(tmp_path / "out", INDEX, overwrite=True) as folder:
        folder.path("depth/0.npy").write_text("new")
        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(WriteError, match=r"out: No space left on device; free some disk"):
            commit(folder)
    assert tree(tmp_path) == before


def test_a_place_that_was_taken_in_the_meantime_is_not_overwritten(tmp_path):
    with Transaction(tmp_path / "out", INDEX) as folder:
        folder.path("cloud.ply").write_text("late")
        (tmp_path / "out").mkdir()
        (tmp_path / "out/cloud.ply").write_text("early")
        with pytest.raises(OutputError, match="not empty"):
            commit(folder)
    assert tree(tmp_path) == {"out": None, "out/cloud.ply": "early"}


def test_what_is_in_the_way_is_said_before_the_work(tmp_path):
    (tmp_path / "depth").write_text("mine")
    (tmp_path / "cloud.ply").mkdir()
    (tmp_path / INDEX).mkdir()
    with Transaction(tmp_path, "other.json", overwrite=True) as folder:
        with pytest.raises(OutputError, match=r"depth is in the way of depth/0\.npy; move it away"):
            folder.path("depth/0.npy")
        with pytest.raises(OutputError, match=r"cloud\.ply is in the way of cloud\.ply"):
            folder.path("cloud.ply")
    with pytest.raises(OutputError, match=r"does not say|is in the way"):
        write(tmp_path, {}, overwrite=True)
    assert tree(tmp_path) == {"cloud.ply": None, "depth": "mine", INDEX: None}


def test_a_folder_with_an_index_is_complete_at_every_moment(tmp_path, monkeypatch):
    out, replace = tmp_path / "out", Path.replace
    write(out, OLD)
    moved = []

    def watch(self, target):
        if target.parent.is_relative_to(out):
            assert not (out / INDEX).exists()
            moved.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    write(out, NEW, overwrite=True)
    assert moved == ["cloud.ply", "0.npy", INDEX]


def test_an_index_stays_until_it_is_replaced_when_none_of_its_files_changes(tmp_path, monkeypatch):
    """A run that `page4d motion` adds to is readable at every moment."""
    out, replace = tmp_path / "out", Path.replace
    write(out, OLD)

    def watch(self, target):
        assert (out / INDEX).is_file()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    with Transaction(out, INDEX, shared=True) as folder:
        folder.path("motion/0.png").write_text("m")
        commit(folder, replaced=[])
    assert (out / "motion/0.png").read_text() == "m"


def test_shared_folders_keep_foreign_files_and_refuse_to_replace_them(tmp_path):
    write(tmp_path, OLD)
    (tmp_path / "mine.txt").write_text("mine")
    with (
        Transaction(tmp_path, INDEX, shared=True) as folder,
        pytest.raises(OutputError, match=r"mine\.txt is there already and not page4d's"),
    ):
        folder.path("mine.txt")
    with Transaction(tmp_path, INDEX, shared=True) as folder:
        folder.path("depth/0.npy").write_text("new")
        commit(folder, replaced=["depth/0.npy", "depth/1.npy"])
    assert files(tmp_path) == {"depth/0.npy": "new", "sub/gone.txt": "old", "mine.txt": "mine"}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_commit_waits_for_its_end(tmp_path, monkeypatch, sent):
    replace = Path.replace

    def replace_and_interrupt(self, target):
        signal.raise_signal(sent)
        return replace(self, target)

    def leave(*_):
        raise KeyboardInterrupt

    write(tmp_path / "out", OLD)
    monkeypatch.setattr(Path, "replace", replace_and_interrupt)
    before = signal.signal(sent, leave)
    try:
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "out", NEW, overwrite=True)
        assert signal.getsignal(sent) is leave
    finally:
        signal.signal(sent, before)
    assert files(tmp_path / "out") == NEW and listed(tmp_path / "out") == sorted(NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_it_works_in_another_thread(tmp_path):
    thread = threading.Thread(target=write, args=(tmp_path / "out", NEW))
    thread.start()
    thread.join()
    assert files(tmp_path / "out") == NEW


def test_a_kill_leaves_only_a_hidden_folder_that_the_next_one_removes(tmp_path):
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == [partial(out)]
    check_place(out, INDEX)
    write(out, NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("moves", range(6))
@pytest.mark.parametrize("old", [{}, OLD])
def test_a_kill_between_two_moves_is_mended(tmp_path, monkeypatch, old, moves):
    out = tmp_path / "out"
    if old:
        write(out, old)
    count, real = 0, Path.replace

    def replace(path, target):
        nonlocal count
        if count == moves:
            raise Killed
        count += 1
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        patch.setattr(module, "_clear", lambda _staging: None)  # a killed process clears nothing
        killed = False
        try:
            write(out, NEW, overwrite=True)
        except Killed:
            killed = True
    assert killed == (moves < (4 if old else 1))
    if (out / INDEX).exists():
        assert files(out).keys() == set(listed(out))
    mend(out)
    committed = moves > 0  # by the first one: the order, or the whole folder
    assert (files(out) if out.exists() else {}) == (NEW if committed else old)
    write(out, NEW, overwrite=True)
    assert files(out) == NEW and [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "order",
    [
        "{",
        '{"index": "index.json", "move": [], "remove": ["../x"], "takes_index_away": true}',
        '{"index": "index.json", "move": ["../x"], "remove": [], "takes_index_away": true}',
        '{"index": "../x", "move": [], "remove": [], "takes_index_away": true}',
        '{"index": "index.json", "move": [], "remove": ["link/x"], "takes_index_away": true}',
    ],
)
def test_an_order_that_came_with_a_foreign_folder_does_no_harm(tmp_path, order):
    out, elsewhere = tmp_path / "home/out", tmp_path / "home/elsewhere"
    for folder in (out, elsewhere, partial(out) / "new"):
        folder.mkdir(parents=True)
    for path in (tmp_path / "home/x", elsewhere / "x", partial(out) / "new" / INDEX):
        path.write_text("precious")
    (out / "link").symlink_to(elsewhere)
    (partial(out) / "order.json").write_text(order)
    with pytest.raises(OutputError, match=r"\.out\.partial(/order\.json:| is damaged) .*; delete"):
        write(out, NEW, overwrite=True)
    assert (tmp_path / "home/x").read_text() == (elsewhere / "x").read_text() == "precious"


def test_two_at_once_do_not_mix(tmp_path):
    out = tmp_path / "out"
    words = r"another page4d is writing .*out; wait for it, .* delete .*\.out\.partial/\.lock\)"
    with Transaction(out, INDEX) as folder:
        with pytest.raises(OutputError, match=words):
            write(out, NEW)
        done = subprocess.run([sys.executable, "-c", KILLED, str(out)], capture_output=True)
        assert done.returncode == 1 and b"another page4d is writing" in done.stderr
        folder.path("mine").write_text("first")
        commit(folder)
    assert files(out) == {"mine": "first"}


def test_a_hidden_folder_that_nobody_holds_blocks_nothing(tmp_path):
    """Whatever process has the number of the one that left it."""
    out = tmp_path / "out"
    (partial(out) / "new").mkdir(parents=True)
    (partial(out) / LOCK).write_text(str(os.getppid()))
    write(out, NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_volume_of_its_own_is_staged_inside(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / partial(out).name).mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # the parent is locked
    with Transaction(out, INDEX) as folder:
        assert folder.folder.parent == out / partial(out).name
        folder.path("cloud.ply").write_text("c")
        commit(folder)
    assert sorted(tree(out)) == ["cloud.ply", INDEX]


def test_check_place_changes_nothing(tmp_path):
    check_place(tmp_path / "new/out", INDEX)
    check_place(tmp_path, INDEX)
    assert tree(tmp_path) == {}


def test_a_replacement_is_whole_or_not_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(WriteError, match=r"a\.txt: No space left"), replacing(path) as staged:
        staged.write_text("half")
        raise OSError(28, "No space left on device")
    assert tree(tmp_path) == {"a.txt": "before"}
    with replacing(path) as staged:
        staged.write_text("after")
        assert path.read_text() == "before"
        with pytest.raises(OutputError, match="another page4d is writing"), replacing(path):
            pass
    assert tree(tmp_path) == {"a.txt": "after"}


def test_a_replacement_makes_its_folder_and_keeps_links(tmp_path):
    with replacing(tmp_path / "new/a.txt") as staged:
        staged.write_text("a")
    (tmp_path / "link.txt").symlink_to(tmp_path / "new/a.txt")
    with replacing(tmp_path / "link.txt") as staged:
        staged.write_text("b")
    assert tree(tmp_path) == {"new": None, "new/a.txt": "b", "link.txt": "b"}
