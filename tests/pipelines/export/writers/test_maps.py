import json
import sys

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid, world_points_from_depth
from page4d_cli.io.formats.exr import write_depth_exr
from page4d_cli.pipelines.export.options import FormatOptions


def read_exr(path):
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header, channels = dict(file.header()), file.channels()
        return header, {name: channel.pixels for name, channel in channels.items()}


def test_depth_png_has_the_scale_that_was_asked_for(scene, export):
    folder = export("depth-png", of_formats=FormatOptions(depth_scale=5000)) / "depth"
    assert json.loads((folder / "scale.json").read_text())["depth_png_scale"] == 5000
    values = np.asarray(Image.open(folder / "000003.png"))
    np.testing.assert_array_equal(values, np.rint(scene.run.depth(3).astype(float) * 5000))


def test_depth_beyond_what_a_scale_holds_is_none_and_told(scene, export_run_of, tmp_path):
    deepest = max(float(scene.run.depth(index).max()) for index in range(4))
    scale = 2 * 65535 / deepest
    exported = export_run_of("depth-png", of_formats=FormatOptions(depth_scale=scale))
    [note] = exported.notes
    assert f"deeper than {65535 / scale:g}, the most that its depth maps hold" in note
    depth = scene.run.depth(2)
    values = np.asarray(Image.open(tmp_path / "out/depth/000002.png"))
    np.testing.assert_array_equal(values == 0, depth * scale > 65535.49)
    assert exported.details["depth-png"]["depth_png_scale"] == scale


@pytest.mark.parametrize("half", [False, True])
def test_exr_has_depth_points_and_the_camera_that_sees_them(scene, export, half):
    out = export("exr", frames=slice(2, 3), of_formats=FormatOptions(half=half, points=True))
    assert [path.name for path in (out / "exr").iterdir()] == ["000002.exr"]
    header, channels = read_exr(out / "exr/000002.exr")
    assert {array.dtype for array in channels.values()} == {np.dtype("f2" if half else "f4")}
    tolerance = 2e-3 if half else 1e-6
    np.testing.assert_allclose(channels["Z"], scene.run.depth(2), rtol=tolerance)
    points = np.stack([channels[f"P.{axis}"] for axis in "XYZ"], -1).astype(float).reshape(-1, 3)
    centre = invert_rigid(scene.run.extrinsics()[2].astype(float))[:, 3]
    homogeneous = np.column_stack([points, np.ones(len(points))])
    np.testing.assert_allclose([*centre, 1] @ header["worldToCamera"], [0, 0, 0, 1], atol=1e-5)
    in_camera = homogeneous @ header["worldToCamera"]
    np.testing.assert_allclose(in_camera[:, 2], channels["Z"].ravel(), atol=10 * tolerance)
    in_picture = homogeneous @ header["worldToNDC"]
    in_picture = in_picture[:, :2] / in_picture[:, 3:]
    rows, columns = np.indices((42, 56)).reshape(2, -1) + 0.5
    expected = np.column_stack([columns / 56, rows / 42])
    np.testing.assert_allclose(in_picture, expected, atol=tolerance)
    up = in_camera[:, 1] > 0
    np.testing.assert_array_equal(up, rows < 21)


def test_pixels_without_depth_are_0_in_every_channel(tmp_path):
    depth = np.array([[np.nan, 2.0], [70000.0, 1.0]], np.float32)
    k, pose = np.array([[2.0, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]), np.eye(3, 4)
    points = world_points_from_depth(depth.astype(float), k, pose).astype(np.float32)
    write_depth_exr(tmp_path / "a.exr", depth, k, pose, points=points, half=True)
    _, channels = read_exr(tmp_path / "a.exr")
    np.testing.assert_array_equal(channels["Z"], [[0, 2], [0, 1]])
    for array in channels.values():
        assert array[0, 0] == array[1, 0] == 0
    write_depth_exr(tmp_path / "a.exr", depth, k, pose)
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr")[1]["Z"], [[0, 2], [70000, 1]])


def test_without_openexr_it_says_how_to_get_it(export, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(InputError, match=r"pip install '\.\[exr\]'"):
        export("exr")
    assert list(tmp_path.iterdir()) == []
