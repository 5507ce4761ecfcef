import json
import signal
from pathlib import Path

import pytest

from page4d_cli.core.errors import OutputError
from page4d_cli.io.whole import staged_folder as module
from page4d_cli.io.whole.staged_folder import check_folder, staged_folder, write_summary

SUMMARY = "summary.json"


def write(out, files, **options):
    with staged_folder(out, SUMMARY, **options) as folder:
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        return write_summary(folder / SUMMARY, {"note": "a"})


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != SUMMARY
    }


def test_what_was_written_is_there_with_its_list(tmp_path):
    files = {"a.txt": "1", "sub/b.txt": "2"}
    assert write(tmp_path / "new" / "out", files) == ["a.txt", "sub/b.txt"]
    out = tmp_path / "new" / "out"
    assert contents(out) == files
    summary = json.loads((out / SUMMARY).read_text())
    assert summary == {"note": "a", "files": ["a.txt", "sub/b.txt"]}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_body_that_ends_early_leaves_everything_as_it_was(tmp_path, error):
    def stop(out, **options):
        with staged_folder(out, SUMMARY, **options) as folder:
            (folder / "a.txt").write_text("new")
            raise error

    with pytest.raises(error):
        stop(tmp_path / "made" / "for" / "it")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "out", {"a.txt": "old"})
    with pytest.raises(error):
        stop(tmp_path / "out", overwrite=True)
    assert contents(tmp_path / "out") == {"a.txt": "old"} and (tmp_path / "out" / SUMMARY).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwriting_replaces_the_listed_files_and_no_others(tmp_path):
    out = tmp_path / "out"
    write(out, {"a.txt": "1", "old/b.txt": "1"})
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty; --overwrite"):
        write(out, {"a.txt": "2"})
    write(out, {"a.txt": "2", "c.txt": "2"}, overwrite=True)
    assert contents(out) == {"a.txt": "2", "c.txt": "2", "mine.txt": "mine"}
    assert not (out / "old").exists()


def test_a_list_that_points_outside_removes_nothing_there(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other.txt"
    write(out, {"a.txt": "1"})
    other.write_text("precious")
    (out / SUMMARY).write_text(json.dumps({"files": ["../other.txt", str(other)]}))
    write(out, {"b.txt": "2"}, overwrite=True)
    assert other.read_text() == "precious" and (out / "a.txt").exists()


@pytest.mark.parametrize("blocked", ["a.txt", SUMMARY])
def test_a_folder_in_the_way_of_a_file_is_found_before_anything_moves(tmp_path, blocked):
    out = tmp_path / "out"
    (out / blocked).mkdir(parents=True)
    with pytest.raises(OutputError, match=rf"{blocked} is in the way"):
        write(out, {"0.txt": "0", "a.txt": "1"}, overwrite=True)
    assert [path.name for path in out.iterdir()] == [blocked]


def test_an_empty_folder_and_the_current_one_will_do(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(Path(), {"a.txt": "1"})
    assert contents(tmp_path / "here") == {"a.txt": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_an_interrupt_waits_until_all_files_are_moved(tmp_path, monkeypatch):
    """Into a folder that holds something: files are moved one by one."""
    out = tmp_path / "out"
    write(out, {"a.txt": "1", "b.txt": "1"})
    listed = module._listed

    def interrupt(summary):
        if summary.parent == out:  # asked for when the moving has begun
            signal.raise_signal(signal.SIGINT)
        return listed(summary)

    monkeypatch.setattr(module, "_listed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(out, {"a.txt": "2", "b.txt": "2"}, overwrite=True)
    assert contents(out) == {"a.txt": "2", "b.txt": "2"} and (out / SUMMARY).exists()


def test_a_place_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        with pytest.raises(OutputError, match="cannot write to"):
            check_folder(tmp_path / place)
