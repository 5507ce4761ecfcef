import json
import os
import socket
import subprocess
import sys

import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.errors import OutputError
from page4d_cli.io.run.addition import adding
from page4d_cli.io.run.directory import open_run


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path, frames=1).run


@pytest.fixture
def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def add(run, **texts):
    with adding(run, "extra", {"extra": "words"}) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)


def hidden(run):
    return [path.name for path in run.directory.iterdir() if path.name.startswith(".")]


def test_the_folder_is_replaced_and_listed(run):
    add(run, first="1", second="2")
    add(open_run(run.directory), second="3")
    assert [path.name for path in (run.directory / "extra").iterdir()] == ["second"]
    assert (run.directory / "extra" / "second").read_text() == "3"
    manifest = json.loads((run.directory / "manifest.json").read_text())
    assert [file for file in manifest["files"] if file.startswith("extra")] == ["extra/second"]
    assert manifest["conventions"]["extra"] == "words"
    assert hidden(run) == []


def test_a_body_that_raises_changes_nothing(run):
    add(run, first="1")
    before = (run.directory / "manifest.json").read_bytes()
    with pytest.raises(KeyboardInterrupt), adding(open_run(run.directory), "extra", {}) as folder:
        (folder / "second").write_text("2")
        raise KeyboardInterrupt
    assert (run.directory / "manifest.json").read_bytes() == before
    assert [path.name for path in (run.directory / "extra").iterdir()] == ["first"]
    assert hidden(run) == []


def test_what_a_killed_process_has_left_is_removed(run, dead_pid):
    left = run.directory / f".extra.{socket.gethostname()}-{dead_pid}.partial"
    of_another_folder = run.directory / f".other.{socket.gethostname()}-{dead_pid}.partial"
    of_a_living_process = run.directory / f".extra.{socket.gethostname()}-{os.getppid()}.partial"
    for folder in (left, of_another_folder, of_a_living_process):
        (folder / "new").mkdir(parents=True)
    add(run, first="1")
    assert sorted(hidden(run)) == sorted([of_another_folder.name, of_a_living_process.name])


def test_a_file_of_somebody_else_is_left_alone(run):
    (run.directory / "extra").mkdir()
    (run.directory / "extra" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="extra/mine is not of this run"):
        add(run, first="1")
    assert (run.directory / "extra" / "mine").read_text() == "mine"


def test_a_read_only_run_is_refused(run, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputError, match="Permission denied; copy the run to another place"):
        add(run, first="1")
    assert hidden(run) == []
