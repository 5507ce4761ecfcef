"""A stage of USD, read again by USD's own library: the camera sees points where the picture is."""

import sys

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom
from synthetic_run import middle_intrinsics

from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.pipelines.cloud.of_run import CloudOptions

ALL = CloudOptions(min_confidence_percentile=0)


def linear(colors):
    return np.where(
        colors <= 0.04045 * 255, colors / 255 / 12.92, ((colors / 255 + 0.055) / 1.055) ** 2.4
    )


def points_at(stage, name, time=None):
    prim = UsdGeom.Points(stage.GetPrimAtPath(f"/World/{name}"))
    at = Usd.TimeCode.Default() if time is None else Usd.TimeCode(time)
    colors = np.array(prim.GetDisplayColorPrimvar().Get(at))
    return np.array(prim.GetPointsAttr().Get(at)).reshape(-1, 3), colors.reshape(-1, 3)


def test_the_camera_sees_every_point_on_its_pixel(scene, export):
    stage = Usd.Stage.Open(str(export("usd", cloud=ALL) / "scene.usdc"))
    prim = UsdGeom.Camera(stage.GetPrimAtPath("/World/camera"))
    for index in (0, 3):
        camera = prim.GetCamera(index)
        positions, colors = points_at(stage, "by_frame", index)
        seen = camera.frustum.ComputeViewMatrix() * camera.frustum.ComputeProjectionMatrix()
        ndc = np.array([seen.Transform(Gf.Vec3d(*map(float, point))) for point in positions[::97]])
        u, v = (1 + ndc[:, 0]) / 2 * 112 - 0.5, (1 - ndc[:, 1]) / 2 * 96 - 0.5
        rows, columns = np.divmod(np.arange(42 * 56)[::97], 56)
        to_source = scene.run.infos[index].transform.to_source
        expected = to_source(np.column_stack([columns, rows]).astype(float))
        np.testing.assert_allclose(np.column_stack([u, v]), expected, atol=2e-3)
        pictured = linear(scene.images[index].reshape(-1, 3)[::97].astype(float))
        assert np.abs(colors[::97] - pictured).mean() < 0.02
    k = middle_intrinsics(scene.run)
    world = world_points_from_depth(scene.run.depth(0).astype(float), k, scene.run.extrinsics()[0])
    positions, _ = points_at(stage, "by_frame", 0)
    np.testing.assert_allclose(positions, world.reshape(-1, 3) * [1, -1, -1], atol=1e-5)


def test_time_unit_and_axes_are_stated(export):
    stage = Usd.Stage.Open(str(export("usd", frames=slice(1, None)) / "scene.usdc"))
    assert UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetTimeCodesPerSecond() == stage.GetFramesPerSecond() == 2  # the source's
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (1, 3)
    assert stage.GetDefaultPrim().GetName() == "World"


def test_what_stands_still_is_there_once_and_what_moves_by_frame(scene, with_motion, export):
    out = export("usd", run=with_motion(scene.moving), cloud=ALL)
    stage = Usd.Stage.Open(str(out / "scene.usdc"))
    still = UsdGeom.Points(stage.GetPrimAtPath("/World/still")).GetPointsAttr()
    assert still.GetNumTimeSamples() == 0 and len(still.Get()) == (~scene.moving).sum()
    counts = [len(points_at(stage, "by_frame", index)[0]) for index in range(4)]
    # One is left out where two frames have as many, so that USD does not move between them.
    assert np.abs(counts - scene.moving.sum((1, 2))).max() <= 1 and sum(counts) > 0
    for index in range(3):
        between, _ = points_at(stage, "by_frame", index + 0.5)
        np.testing.assert_array_equal(between, points_at(stage, "by_frame", index)[0])


def test_frames_of_as_many_points_are_not_mixed(export):
    stage = Usd.Stage.Open(str(export("usd", cloud=CloudOptions(max_points=80)) / "scene.usdc"))
    for index in range(3):
        between, _ = points_at(stage, "by_frame", index + 0.5)
        np.testing.assert_array_equal(between, points_at(stage, "by_frame", index)[0])


def test_usds_own_validators_find_nothing(scene, with_motion, export):
    validation = pytest.importorskip("pxr.UsdValidation")
    out = export("usd", run=with_motion(scene.moving))
    stage = Usd.Stage.Open(str(out / "scene.usdc"))
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 10
    errors = validation.ValidationContext(validators).Validate(stage)
    assert [error.GetMessage() for error in errors] == []


def test_it_says_that_motion_makes_more_of_it(scene, with_motion, export_run_of):
    assert any("page4d motion" in note for note in export_run_of("usd").notes)
    run = with_motion(scene.moving)
    assert export_run_of("usd", run=run, overwrite=True).notes == ()


def test_without_usd_it_says_how_to_get_it(export, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(InputError, match=r"pip install '\.\[usd\]'"):
        export("usd")
    assert list(tmp_path.iterdir()) == []
