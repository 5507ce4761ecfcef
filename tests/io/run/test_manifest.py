import json

import numpy as np
import pytest
from run_manifest import frame_info, manifest

from page4d_cli import _version
from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import RunError
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.manifest import (
    CONVENTIONS,
    MANIFEST,
    FrameRecord,
    ScaleRecord,
    SegmentRecord,
    read_manifest,
)


def json_of(value):
    return json.loads(to_text(value))


def read(data, directory):
    (directory / MANIFEST).write_text(json.dumps(data))
    return read_manifest(directory)


def test_read_of_write_is_identity(tmp_path):
    assert read(json_of(manifest()), tmp_path) == manifest()
    bare = manifest(cloud=None, depth_png_scale=6553.5, saved=())
    assert read(json_of(bare), tmp_path) == bare


def test_a_run_has_the_segments_and_the_scale_of_its_manifest(tmp_path):
    two = manifest(segments=(SegmentRecord(0, 0), SegmentRecord(1, 1)))
    assert two.worlds == (range(1), range(1, 2)) and two.unit is LengthUnit.RELATIVE
    assert manifest(segments=()).worlds == (range(2),)
    scale = ScaleRecord("height:1.65", 2.5, None, 1)
    metric = manifest(scale=(scale,))
    assert read(json_of(metric), tmp_path).unit is LengthUnit.METRES
    with pytest.raises(RunError, match="scale has 1 entries, segments 2"):
        read(json_of(two) | {"scale": [json_of(scale)]}, tmp_path)
    with pytest.raises(RunError, match="factor"):
        read(json_of(metric) | {"scale": [json_of(scale) | {"factor": 0}]}, tmp_path)


@pytest.mark.parametrize("segments", [[(0, 0)], [(0, 2)], [(1, 1)], [(0, 0), (0, 1)], [(1, 0)]])
def test_segments_that_are_not_all_frames_are_refused(tmp_path, segments):
    written = [{"first": first, "last": last} for first, last in segments]
    with pytest.raises(RunError, match="segments are not the 2 frames"):
        read(json_of(manifest()) | {"segments": written}, tmp_path)


def test_enums_are_written_as_the_words_of_the_command_line():
    data = json_of(manifest())
    assert data["saved"] == ["cameras", "depth"]
    assert data["resolution"] == "network"
    assert data["timestamp_source"] == "file name"
    assert data["weights"]["variant"] == "nomask"


def test_schema_version_and_conventions_are_filled_in():
    data = json_of(manifest())
    assert data["schema"] == 1
    assert data["page4d"] == _version.__version__
    assert data["conventions"] == CONVENTIONS
    assert "relative" in data["conventions"]["units"]


def test_frame_records_keep_the_whole_frame_info():
    info = frame_info("a", 7)
    assert FrameRecord.from_info(info).to_info((392, 518)) == info


def test_the_formula_in_the_conventions_is_the_one_of_the_core():
    forth, back = CONVENTIONS["pixel_transform"].split("; ")[:2]
    info = frame_info()
    source = np.array([17.25, 101.5])
    names = {
        "scale": np.array(FrameRecord.from_info(info).scale),
        "offset": np.array(FrameRecord.from_info(info).offset),
        "source": source,
    }
    names["network"] = eval(forth.removeprefix("network = "), names)
    np.testing.assert_allclose(names["network"], info.transform.to_network(source))
    np.testing.assert_allclose(eval(back.removeprefix("source = "), names), source)


def remove(data, *keys):
    for key in keys[:-1]:
        data = data[key]
    del data[keys[-1]]


def put(data, value, *keys):
    for key in keys[:-1]:
        data = data[key]
    data[keys[-1]] = value


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("device",), "device is missing"),
        (("weights", "sha256"), r"weights\.sha256 is missing"),
        (("frames", 1, "stem"), r"frames\[1\]\.stem is missing"),
        (("schema",), "schema is missing"),
    ],
)
def test_missing_keys_are_named(tmp_path, keys, words):
    data = json_of(manifest())
    remove(data, *keys)
    with pytest.raises(RunError, match=rf"^{tmp_path}/manifest\.json: {words}"):
        read(data, tmp_path)


@pytest.mark.parametrize(
    ("value", "keys", "words"),
    [
        (2, ("schema",), "schema is 2, expected 1; use the version of page4d that"),
        (True, ("schema",), "schema is True, expected 1"),
        ("1", ("frames", 0, "index"), r"frames\[0\]\.index is '1', expected a whole number"),
        (1.5, ("frames", 0, "index"), "expected a whole number"),
        (True, ("mask_strength",), "mask_strength is True, expected a number"),
        (float("nan"), ("mask_strength",), "mask_strength is nan, expected a finite number"),
        ("full", ("resolution",), "resolution is 'full', expected one of 'network', 'source'"),
        ([], ("resolution",), r"resolution is \[\], expected one of"),
        ([392], ("network_size",), "network_size has 1 values, expected 2"),
        ("page4d infer", ("command",), "command is 'page4d infer', expected a list"),
        ([None], ("saved",), r"saved\[0\] is None, expected one of 'cameras'"),
        (None, ("versions",), "versions is None, expected an object"),
        (3, ("versions", "numpy"), r"versions\.numpy is 3, expected a text"),
        ("x" * 99, ("frames",), "frames is 'xxx.*\\.\\.\\., expected a list"),
        (1, ("devise",), "devise is not a known key"),
        (["../../home"], ("files",), "'../../home' is outside of its folder"),
        (["/etc/passwd"], ("files",), "outside of its folder"),
    ],
)
def test_mistyped_keys_are_named(tmp_path, value, keys, words):
    data = json_of(manifest())
    put(data, value, *keys)
    with pytest.raises(RunError, match=words):
        read(data, tmp_path)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_json_of_another_kind(tmp_path, data):
    with pytest.raises(RunError, match=r"the top level is .*, expected an object"):
        read(data, tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not json"])
def test_files_that_are_no_json(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RunError, match=r"manifest\.json: no JSON: .*run `page4d infer` again"):
        read_manifest(tmp_path)


def test_a_directory_without_a_manifest(tmp_path):
    with pytest.raises(RunError, match=r"is no complete run: .*No such file"):
        read_manifest(tmp_path)
