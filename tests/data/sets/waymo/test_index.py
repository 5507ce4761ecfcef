import numpy as np
import pytest
from waymo_record import waymo_truth, write_waymo

from page4d_cli.data.sets.waymo import index as indices
from page4d_cli.data.sets.waymo.index import build_index, cache_folder, record_index


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_waymo(tmp_path, waymo_truth())


def same(one, other):
    return all(np.array_equal(getattr(one, name), value) for name, value in vars(other).items())


def test_an_index_is_made_once(record, monkeypatch):
    made = record_index(record)
    monkeypatch.setattr(indices, "build_index", None)
    assert same(record_index(record), made)


def test_a_changed_record_or_a_damaged_index_is_looked_at_anew(record):
    made = record_index(record)
    (kept,) = cache_folder().iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert same(record_index(record), made)
    data = record.read_bytes()
    record.write_bytes(data + data)
    assert len(record_index(record).offset) == 2 * len(made.offset)


def test_where_nobody_may_write_it_is_made_each_time(record, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert same(record_index(record), build_index(record))
