import json

import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.errors import OutputError
from page4d_cli.io.run.addition import adding
from page4d_cli.io.run.directory import open_run


@pytest.fixture
def run(tmp_path):
    return write_synthetic_run(tmp_path, frames=1).run


def add(run, **texts):
    with adding(run, "extra", {"extra": "words"}) as folder:
        for name, text in texts.items():
            folder.path(f"extra/{name}").write_text(text)


def test_the_folder_is_replaced_and_listed(run):
    before = json.loads((run.directory / "manifest.json").read_text())["files"]
    add(run, first="1", second="2")
    add(open_run(run.directory), second="3")
    assert [path.name for path in (run.directory / "extra").iterdir()] == ["second"]
    assert (run.directory / "extra" / "second").read_text() == "3"
    manifest = json.loads((run.directory / "manifest.json").read_text())
    assert manifest["files"] == sorted([*before, "extra/second"])
    assert manifest["conventions"]["extra"] == "words"


def test_a_body_that_raises_changes_nothing(run):
    add(run, first="1")
    before = (run.directory / "manifest.json").read_bytes()
    with pytest.raises(KeyboardInterrupt), adding(open_run(run.directory), "extra", {}) as folder:
        folder.path("extra/second").write_text("2")
        raise KeyboardInterrupt
    assert (run.directory / "manifest.json").read_bytes() == before
    assert [path.name for path in (run.directory / "extra").iterdir()] == ["first"]


def test_a_file_of_somebody_else_is_left_alone(run):
    (run.directory / "extra").mkdir()
    (run.directory / "extra" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="extra/mine is there already and not page4d's"):
        add(run, mine="1")
    add(run, first="1")
    assert (run.directory / "extra" / "mine").read_text() == "mine"
