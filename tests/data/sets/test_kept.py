"""What was found out about a file is found out once, and again when anything has changed."""

import numpy as np
import pytest

from page4d_cli.core.arrays import ArrayKind, ArraySpec
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.kept import cache_folder, kept_arrays


class Finder:
    """Finds the bytes of a file, and counts how often."""

    def __init__(self):
        self.count = 0

    def __call__(self, path):
        self.count += 1
        return {"bytes": np.frombuffer(path.read_bytes(), np.uint8)}


def look(path, find, version="1"):
    specs = {"bytes": ArraySpec(ArrayKind.NUMBER, ("N",))}
    return kept_arrays(path, version, specs, find)["bytes"].tobytes()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "large"
    path.write_bytes(b"what it says")
    return path


def test_it_is_found_out_once(file):
    find = Finder()
    assert look(file, find) == look(file, find) == b"what it says"
    assert find.count == 1


def test_a_changed_file_or_version_or_damage_is_looked_at_anew(file):
    find = Finder()
    look(file, find)
    (kept,) = cache_folder().iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert look(file, find) == b"what it says" and find.count == 2
    file.write_bytes(b"what it says now")
    assert look(file, find) == b"what it says now" and find.count == 3
    look(file, find, "2")
    assert find.count == 4


def test_where_nobody_may_write_it_is_found_out_each_time(file, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    find = Finder()
    assert look(file, find) == look(file, find) and find.count == 2


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"gone: No such file"):
        look(tmp_path / "gone", Finder())
