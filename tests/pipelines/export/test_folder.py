import json

import pytest

from page4d_cli.core.errors import OutputError
from page4d_cli.pipelines.export.folder import EXPORT_JSON, export_folder


def write(out, files, *, overwrite=False, places=()):
    with export_folder(out, places, overwrite=overwrite) as folder:
        for group, names in files.items():
            for name in names:
                folder.path(group, name).write_text(group)
        folder.commit({group: {"about": 1} for group in files})


def names(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_formats_lie_side_by_side_and_are_listed(tmp_path):
    out = tmp_path / "a" / "out"
    write(out, {"one": ["one/2", "one/1"]})
    write(out, {"two": ["two"]})
    assert names(out) == [EXPORT_JSON, "one/1", "one/2", "two"]
    formats = json.loads((out / EXPORT_JSON).read_text())["formats"]
    assert formats == {
        "one": {"files": ["one/1", "one/2"], "about": 1},
        "two": {"files": ["two"], "about": 1},
    }
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_only_its_own_earlier_files_go(tmp_path):
    write(tmp_path / "out", {"one": ["one/1", "one/2"], "two": ["two"]})
    (tmp_path / "out" / "one" / "mine").write_text("")
    write(tmp_path / "out", {"one": ["one/1"]}, places=["one"], overwrite=True)
    assert names(tmp_path / "out") == [EXPORT_JSON, "one/1", "one/mine", "two"]


def test_foreign_files_are_replaced_only_when_asked(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_text("mine")
    with pytest.raises(OutputError, match=r"1\.png is there already and not page4d's"):
        write(tmp_path, {"images": ["images/1.png"]})
    assert (tmp_path / "images" / "1.png").read_text() == "mine" and names(tmp_path) == [
        "images/1.png"
    ]
    write(tmp_path, {"images": ["images/1.png"]}, overwrite=True)
    write(tmp_path, {"images": ["images/1.png"]})
    assert (tmp_path / "images" / "1.png").read_text() == "images"


def test_a_failure_leaves_nothing(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        export_folder(tmp_path / "a" / "b", ["one"]) as folder,
    ):
        folder.path("one", "one/1").write_text("")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"schema": 1, "formats": {"one": {}}}', '{"schema": 1, "formats": 3}']
)
def test_another_programs_list_is_not_touched(tmp_path, text):
    (tmp_path / EXPORT_JSON).write_text(text)
    with pytest.raises(OutputError, match="does not say which files are page4d's"):
        write(tmp_path, {"one": ["1"]}, overwrite=True)


def test_a_list_never_leads_outside(tmp_path):
    listed = {"schema": 1, "formats": {"one": {"files": ["../precious"]}}}
    (tmp_path / EXPORT_JSON).write_text(json.dumps(listed))
    with pytest.raises(OutputError, match="outside of its folder"):
        write(tmp_path, {"one": ["1"]}, overwrite=True)


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "one").write_text("a file")
    with pytest.raises(OutputError, match="one is there already"):
        write(tmp_path / "out", {"one": ["one/1"]}, places=["one"])
    with pytest.raises(OutputError, match="one is in the way of one/deep/1"):
        write(tmp_path / "out", {"one": ["one/deep/1"]}, places=["one"], overwrite=True)
    with pytest.raises(OutputError, match="one is a file"):
        write(tmp_path / "out" / "one", {"one": ["1"]})
