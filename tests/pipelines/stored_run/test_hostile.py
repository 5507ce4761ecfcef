"""A run directory from somebody else: what it says never leads outside of the places given."""

import json

import pytest
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app


@pytest.fixture
def run(tmp_path):
    (tmp_path / "home").mkdir()
    return write_synthetic_run(tmp_path / "home", frames=2, size=(28, 21)).run.directory


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


COMMANDS = (
    ("export", "{run}", "--out", "{out}", "--format", "depth-png,nerfstudio", "--overwrite"),
    ("motion", "{run}"),
    ("view", "{run}", "--html", "{out}.html"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stem": "l/../../../victim"}, "'l/../../../victim' is no plain name"),
        ({"stem": "/victim"}, "'/victim' is no plain name"),
        ({"stem": ".."}, "'..' is no name of a file"),
        ({"stem": ""}, "'' is no name of a file"),
        ({"stem": "a\0b"}, "without NUL"),
        ({"stem": "é" * 128}, "is longer than 255 bytes"),
        ({"stem": "000001"}, "frames: 2 of them have the stem '000001'"),
        ({"files": ["../victim.png"]}, "'../victim.png' is outside of its folder"),
        ({"files": ["a", "a"]}, "files: two have one name"),
        ({"checksums": {"../victim.png": ""}}, "'../victim.png' is outside of its folder"),
    ],
)
def test_names_lead_nowhere_else(run, tmp_path, words, change, says):
    (tmp_path / "victim.png").write_text("precious")
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    (manifest["frames"][0] if "stem" in change else manifest).update(change)
    path.write_text(json.dumps(manifest))
    before = everything(tmp_path)
    typed = [word.format(run=run, out=tmp_path / "out/deep") for word in words]
    (tmp_path / "out").mkdir()
    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 2 and says in result.stderr, result.output
    assert everything(tmp_path) == before


def test_links_in_a_run_are_not_written_through(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (run / "motion").symlink_to(tmp_path / "elsewhere")
    before = everything(tmp_path)
    result = CliRunner().invoke(app, ["motion", str(run)])
    assert result.exit_code == 2 and "motion is a link" in result.stderr
    assert everything(tmp_path) == before


def test_a_run_from_before_checksums_is_read(run):
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["checksums"]
    path.write_text(json.dumps(manifest))
    assert CliRunner().invoke(app, ["motion", str(run)]).exit_code == 0
