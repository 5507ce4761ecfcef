from pathlib import Path

import pytest
from raw_rgbd import contents

from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.whole.install import finish_installation, install, staged

NAMES = ["pictures", "list.txt", "last.txt"]
OLD = {"pictures/b.png": b"old", "list.txt": b"old", "last.txt": b"old", "mine.txt": b"mine"}
NEW = {"pictures/a.png": b"new", "list.txt": b"new", "last.txt": b"new"}


class Killed(BaseException):
    """In place of a kill: nobody catches it."""


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def put(place):
    with staged(place) as staging:
        write(staging, NEW)
        install(staging, place, NAMES)


def test_everything_comes_to_its_place_and_nothing_else_is_left(tmp_path):
    put(tmp_path / "place")
    assert contents(tmp_path) == {f"place/{name}": data for name, data in NEW.items()}


def test_what_is_there_is_replaced_and_other_files_stay(tmp_path):
    write(tmp_path / "place", OLD)
    put(tmp_path / "place")
    expected = {**NEW, "mine.txt": b"mine"}
    assert contents(tmp_path) == {f"place/{name}": data for name, data in expected.items()}


def test_a_failure_before_the_moves_leaves_all_as_it_was(tmp_path):
    place = tmp_path / "place"
    write(place, OLD)
    with pytest.raises(Killed), staged(place) as staging:
        write(staging, NEW)
        raise Killed
    assert contents(tmp_path) == {f"place/{name}": data for name, data in OLD.items()}


@pytest.mark.parametrize("moves", range(7))
@pytest.mark.parametrize("old", [{}, OLD])
def test_a_kill_between_two_moves_is_repaired(tmp_path, monkeypatch, old, moves):
    place = tmp_path / "place"
    write(place, old)
    count, real = 0, Path.replace

    def replace(path, target):
        nonlocal count
        if count == moves:
            raise Killed
        count += 1
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        killed = False
        try:
            put(place)
        except Killed:
            killed = True
    assert killed == (moves < (7 if old else 4))
    if killed:  # the last file tells that all are there, old or new
        there = contents(place) if place.exists() else {}
        assert there == old if moves <= 1 else "last.txt" not in there
    finish_installation(place)
    expected = NEW if not old else {**NEW, "mine.txt": b"mine"}
    if moves == 0:  # killed before the list of what goes where was there
        expected = old
    assert (contents(place) if place.exists() else {}) == expected
    put(place)
    assert contents(tmp_path) == {
        f"place/{name}": data for name, data in {**old, **NEW}.items() if name != "pictures/b.png"
    }


def test_two_processes_cannot_write_one_place(tmp_path, monkeypatch):
    place = tmp_path / "place"
    with staged(place), monkeypatch.context() as patch:
        patch.setattr("os.getpid", lambda: 1)
        with pytest.raises(OutputError, match="another page4d is writing"), staged(place):
            pass


def test_a_refusal_names_the_place(tmp_path):
    place = tmp_path / "place"
    place.write_text("a file")
    with pytest.raises(WriteError, match=r"cannot write .*place: File exists"):
        put(place)
    with pytest.raises(OutputError, match="No such file or directory; choose another --out"):
        put(tmp_path / "absent/place")
