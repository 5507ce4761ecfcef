"""An export is of one world, in one unit."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from camera_paths import read_tum
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.directory import open_run
from page4d_cli.io.run.manifest import MANIFEST, SegmentRecord
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.scale.source import parse_scale_source

FRAMES = 5


@pytest.fixture(scope="module")
def one_world(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("scene"), frames=FRAMES).run


@pytest.fixture
def two_worlds(one_world, tmp_path):
    """The same run, whose manifest tells of a cut before frame 2."""
    shutil.copytree(one_world.directory, tmp_path / "run")
    cut = replace(one_world.manifest, segments=(SegmentRecord(0, 1), SegmentRecord(2, 4)))
    (tmp_path / "run" / MANIFEST).write_text(to_text(cut))
    return open_run(tmp_path / "run")


def export(run, out, *formats, **options):
    export_run(run.directory, out, ExportOptions(tuple(map(ExportFormat, formats)), **options))
    return out


@pytest.mark.parametrize("format_", list(ExportFormat))
def test_no_format_mixes_worlds(two_worlds, tmp_path, format_):
    with pytest.raises(InputError, match=r"1: frames 0 to 1, 2: frames 2 to 4\); choose one with"):
        export(two_worlds, tmp_path / "out", format_)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ({"segment": 1}, [0, 1]),
        ({"segment": 2}, [2, 3, 4]),
        ({"frames": slice(3, None)}, [3, 4]),
        ({"frames": slice(-1, None)}, [4]),
        ({"segment": 2, "frames": slice(1, None)}, [3, 4]),
        ({"segment": 1, "frames": slice(None, None, -1)}, [1, 0]),
    ],
)
def test_one_segment_is_exported(two_worlds, tmp_path, options, frames):
    out = export(two_worlds, tmp_path / "out", "npz", **options)
    with np.load(out / "run.npz") as bundle:
        assert bundle["stems"].tolist() == [f"{frame:06d}" for frame in frames]


@pytest.mark.parametrize("number", [0, 3])
def test_a_segment_that_is_not_there(two_worlds, tmp_path, number):
    with pytest.raises(InputError, match="has 2 segments, counted from 1"):
        export(two_worlds, tmp_path / "out", "tum", segment=number)


def test_all_lengths_of_an_export_in_metres_are(one_world, tmp_path):
    relative = export(one_world, tmp_path / "a", "npz", "tum", "ply", "depth-png")
    centres = invert_rigid(one_world.extrinsics().astype(float))[..., 3]
    metres = 10 * float(np.linalg.norm(centres[0] - centres[3]))
    source = parse_scale_source(f"distance:0,3={metres}")
    metric = export(one_world, tmp_path / "b", "npz", "tum", "ply", "depth-png", scale_from=source)
    with np.load(relative / "run.npz") as before, np.load(metric / "run.npz") as after:
        np.testing.assert_allclose(after["depth"], 10 * before["depth"], rtol=1e-4)
        np.testing.assert_allclose(
            after["extrinsics"][..., 3], 10 * before["extrinsics"][..., 3], rtol=1e-4, atol=1e-5
        )
        assert json.loads(str(before["conventions"]))["units"].startswith("relative")
        assert json.loads(str(after["conventions"]))["units"].startswith("metres")
    paths = [read_tum(out / "trajectory_tum.txt")[1][..., 3] for out in (relative, metric)]
    np.testing.assert_allclose(paths[1], 10 * paths[0], rtol=1e-4, atol=1e-5)
    assert "length: metres" in (metric / "trajectory_tum.txt").read_text()
    assert json.loads((metric / "depth/scale.json").read_text())["convention"].endswith("metres")
    said = json.loads((metric / "export.json").read_text())["formats"]["tum"]
    assert said["unit"] == "metres" and said["scale"]["factor"] == pytest.approx(10, rel=1e-4)


def test_the_unit_is_measured_by_the_whole_segment(two_worlds, tmp_path):
    centres = invert_rigid(two_worlds.extrinsics().astype(float))[..., 3]
    metres = 3 * float(np.linalg.norm(centres[2] - centres[4]))
    source = parse_scale_source(f"distance:2,4={metres}")
    out = export(two_worlds, tmp_path / "out", "tum", frames=slice(3, 4), scale_from=source)
    np.testing.assert_allclose(
        read_tum(out / "trajectory_tum.txt")[1][0, :, 3], 3 * centres[3], rtol=1e-4
    )
    with pytest.raises(InputError, match="2 is none of the 2 frames"):
        export(two_worlds, tmp_path / "x", "tum", segment=1, scale_from=source)
