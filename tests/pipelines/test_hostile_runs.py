"""Runs of which one value is not what page4d wrote: used, or refused in one line of ours."""

import json
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat, MotionPart
from page4d_cli.core.errors import Page4DError
from page4d_cli.io.formats.html import write_viewer_html
from page4d_cli.io.run.directory import CAMERAS, depth_file, is_complete, open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.motion.motion import write_motion
from page4d_cli.pipelines.view.data import ViewOptions, view_scene

FORMATS = tuple(each for each in ExportFormat if each not in (ExportFormat.VIDEO, ExportFormat.RRD))
HOSTILE = [
    None,
    True,
    0,
    -1,
    10**9,
    2**62,
    10**400,
    1e300,
    -1e38,
    1e-300,
    0.5,
    "",
    "a\0b",
    "\ud800",
    "../../victim",
    "x" * 300,
    [],
    [0, 0],
    [1e300, 1e300],
    [10**9, 10**9],
    [56, 42, 0, 0],
    [0, 0, 10**6, 10**6],
    {},
    {"a": "\0"},
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_synthetic_run(folder)
    return folder


def use_in_every_way(run, out):
    """Do with a run all that can be done with one."""
    uses = (
        lambda: export_run(run, out / "export", ExportOptions(FORMATS, part=MotionPart.MOVING)),
        lambda: write_viewer_html(out / "a.html", view_scene(open_run(run), ViewOptions())),
        lambda: write_motion(open_run(run)),
    )
    for use in uses:
        try:
            use()
        except Page4DError as error:
            assert "\n" not in str(error)
    is_complete(run)


def places(tree, path=()):
    """Paths of all values of a tree of JSON, containers included."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


def copied(whole, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy", numbered=True)
    shutil.copytree(whole / "run", folder / "run")
    return folder


slow = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@slow
@given(st.data())
def test_one_other_value_in_the_manifest(whole, tmp_path_factory, data):
    folder = copied(whole, tmp_path_factory)
    tree = json.loads((folder / "run" / MANIFEST).read_text())
    *above, key = data.draw(st.sampled_from([path for path in places(tree) if path]))
    inner = tree
    for step in above:
        inner = inner[step]
    inner[key] = data.draw(st.sampled_from(HOSTILE))
    (folder / "run" / MANIFEST).write_text(json.dumps(tree))
    use_in_every_way(folder / "run", folder / "out")
    assert {path.name for path in folder.iterdir()} <= {"run", "out"}
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("network_size",), [0, 56]),
        (("network_size",), [10**9, 10**9]),
        (("frames", 0, "source_size"), [0, 96]),
        (("frames", 0, "source_size"), [10**9, 96]),
        (("frames", 0, "scale"), [1e300, 1e300]),
        (("frames", 0, "scale"), [0.0, 0.5]),
        (("frames", 0, "scale"), [-1.0, 0.5]),
        (("frames", 0, "offset"), [1e300, 0.0]),
        (("frames", 0, "content"), [56, 42, 0, 0]),
        (("frames", 0, "content"), [0, 0, 57, 42]),
        (("frames", 0, "content"), [0, 0, 0, 42]),
        (("frames", 0, "content"), [0, 0]),
        (("frames", 0, "offset"), [-1.0, -3.0]),
        (("frames", 0, "offset"), [1.0, -3.0]),
        (("frames", 0, "source_size"), [110, 96]),
        (("frames", 0, "timestamp_s"), 1e300),
        (("frames", 0, "stem"), "../../victim"),
        (("frames", 0, "stem"), "a\0b"),
        (("frames", 0, "stem"), "\ud800"),
        (("frames", 0, "stem"), ""),
        (("frames", 0, "stem"), "x" * 252),
        (("frames", 0, "stem"), "000001"),
        (("frames",), []),
        (("files",), ["../victim"]),
        (("depth_png_scale",), 0.0),
    ],
)
def test_values_of_a_manifest_that_no_run_has_are_refused(whole, tmp_path, path, value):
    shutil.copytree(whole / "run", tmp_path / "run")
    tree = json.loads((tmp_path / "run" / MANIFEST).read_text())
    inner = tree
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    (tmp_path / "run" / MANIFEST).write_text(json.dumps(tree))
    with pytest.raises(Page4DError, match=r"manifest\.json: .*run `page4d infer` again") as caught:
        open_run(tmp_path / "run")
    assert "\n" not in str(caught.value)


HOSTILE_DTYPES = ["c8", "U3", "S3", "datetime64[s]", "b1", "i4", "f2", "f8", ">f4", [("a", "f4")]]
HOSTILE_VALUES = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-38, 1e17, 1e19, 1e38, 3.4e38]


@slow
@given(st.data())
def test_one_other_array(whole, tmp_path_factory, data):
    folder = copied(whole, tmp_path_factory)
    run = open_run(folder / "run")
    arrays = {
        "extrinsics": run.extrinsics().copy(),
        "intrinsics": run.intrinsics().copy(),
        "depth": np.array(run.depth(1)),
    }
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name]
    if data.draw(st.booleans()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = array.astype(data.draw(st.sampled_from(HOSTILE_DTYPES)))
    elif data.draw(st.booleans()):
        array = array[..., : data.draw(st.integers(0, array.shape[-1] - 1))]
    else:
        value = data.draw(st.sampled_from(HOSTILE_VALUES))
        places_ = st.integers(0, array.size - 1)
        array.reshape(-1)[data.draw(st.lists(places_, min_size=1, max_size=9))] = value
        if data.draw(st.booleans()):
            array[:] = value
    arrays[name] = array
    np.save(folder / "run" / depth_file("000001"), arrays.pop("depth"))
    np.savez(folder / "run" / CAMERAS, **arrays)
    use_in_every_way(folder / "run", folder / "out")
    shutil.rmtree(folder)
