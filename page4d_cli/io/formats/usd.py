"""A scene as USD (openusd.org): an animated camera and points over time; needs the extra `usd`.

USD's axes are x right, y up, z to the viewer, and cameras look along -z: from OpenCV's, y and z
change sign, for world and camera. A length of the run is a metre of the stage. Lengths of a lens
are tenths of the stage's unit ("UsdGeomCamera" of the API's documentation), so that 36 mm of film
are 0.36.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import OPENGL_AXES, as_homogeneous, invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array
from page4d_cli.io.whole.writing import writing

if TYPE_CHECKING:
    from pxr import Usd

_APERTURE = 0.36
_POINT_SHARE = 1 / 500
"""Width of a point, in the median distance of the points from the first camera."""


@dataclass(frozen=True)
class StageCamera:
    """The camera of every frame. S frames."""

    T_camera_world: Float64Array
    """(S, 3, 4), OpenCV."""
    intrinsics: Float64Array
    """(S, 3, 3) in pixels of the pictures; the principal point is taken to be the middle."""
    sizes: Sequence[tuple[int, int]]
    """S times width and height."""


@dataclass(frozen=True)
class StagePoints:
    """Points of a scene, or of a frame of it. N points."""

    points: Float32Array
    """(N, 3) in the world, OpenCV axes."""
    colors: UInt8Array
    """(N, 3), sRGB."""


def require_usd() -> None:
    """Refuse at once what could not be written.

    Raises:
        InputError: the package is not installed.
    """
    if find_spec("pxr") is None:
        raise InputError(
            "--format usd needs the package usd-core, which is not installed; "
            "pip install '.[usd]' in page4d's folder"
        )


def write_usd(
    path: Path,
    times: Sequence[int],
    frames_per_second: float,
    camera: StageCamera,
    *,
    still: StagePoints | None,
    by_frame: Sequence[StagePoints],
    unit: LengthUnit = LengthUnit.RELATIVE,
) -> None:
    """Write `/World/camera`, `/World/still` and `/World/by_frame`.

    Args:
        path: the file, replaced if it is there; it must end in .usd, .usda or .usdc.
        times: S time codes, none twice.
        frames_per_second: of the time codes.
        camera: of the S frames.
        still: what is there at all times.
        by_frame: S times what is there from a frame to the next, besides.
        unit: of all lengths.

    Raises:
        InputError: the package is not installed.
        WriteError: the file cannot be written.
    """
    require_usd()
    from pxr import Sdf, Usd, UsdGeom

    layer = Sdf.Layer.CreateAnonymous(path.suffix)
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(frames_per_second)
    stage.SetFramesPerSecond(frames_per_second)
    stage.SetStartTimeCode(min(times))
    stage.SetEndTimeCode(max(times))
    stage.SetMetadata("comment", f"page4d; world: first camera; unit: {unit.in_words()}")
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    _define_camera(stage, times, camera)
    width = _point_width([*([still] if still else []), *by_frame], camera.T_camera_world[0])
    if still is not None:
        _define_points(stage, "/World/still", [None], [still], width)
    if any(len(each.points) for each in by_frame):
        _define_points(stage, "/World/by_frame", times, by_frame, width)
    with writing(path):
        path.touch()  # USD would say little about a place that cannot be written to
        layer.Export(str(path))


def _define_camera(stage: "Usd.Stage", times: Sequence[int], camera: StageCamera) -> None:
    from pxr import Gf, UsdGeom

    prim = UsdGeom.Camera.Define(stage, "/World/camera")
    placed = prim.AddTransformOp()
    T_world_camera = as_homogeneous(OPENGL_AXES @ invert_rigid(camera.T_camera_world))
    T_world_camera[:, :3, :3] = T_world_camera[:, :3, :3] @ OPENGL_AXES
    prim.CreateHorizontalApertureAttr(_APERTURE)
    focal, vertical = prim.CreateFocalLengthAttr(), prim.CreateVerticalApertureAttr()
    for time, pose, k, (width, height) in zip(
        times, T_world_camera, camera.intrinsics, camera.sizes, strict=True
    ):
        placed.Set(Gf.Matrix4d(pose.T.tolist()), time)  # USD multiplies from the right
        focal_length = float(_APERTURE * k[0, 0] / width)
        focal.Set(focal_length, time)
        vertical.Set(float(focal_length * height / k[1, 1]), time)
    prim.CreateClippingRangeAttr(Gf.Vec2f(1e-3, 1e5))


def _define_points(
    stage: "Usd.Stage",
    name: str,
    times: Sequence[int | None],
    clouds: Sequence[StagePoints],
    width: float,
) -> None:
    from pxr import Usd, UsdGeom, Vt

    prim = UsdGeom.Points.Define(stage, name)
    prim.CreateWidthsAttr([width])
    prim.SetWidthsInterpolation(UsdGeom.Tokens.constant)
    points, extent = prim.CreatePointsAttr(), prim.CreateExtentAttr()
    colors = prim.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex)
    before = 0
    for time, cloud in zip(times, clouds, strict=True):
        at = Usd.TimeCode.Default() if time is None else Usd.TimeCode(time)
        # Between samples of one length USD would move points to where others are.
        count = len(cloud.points) - (len(cloud.points) == before > 0)
        positions = np.ascontiguousarray(cloud.points[:count] @ OPENGL_AXES, np.float32)
        points.Set(Vt.Vec3fArray.FromNumpy(positions), at)
        colors.Set(Vt.Vec3fArray.FromNumpy(_linear(cloud.colors[:count])), at)
        if count:
            box = np.stack([positions.min(0) - width / 2, positions.max(0) + width / 2])
            extent.Set(Vt.Vec3fArray.FromNumpy(box.astype(np.float32)), at)
        before = count


def _linear(colors: UInt8Array) -> Float32Array:
    """USD's colours are linear: sRGB (IEC 61966-2-1), undone."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.ascontiguousarray(linear, np.float32)


def _point_width(clouds: Sequence[StagePoints], T_camera_world: Float64Array) -> float:
    points = np.concatenate([each.points for each in clouds])
    in_camera = points @ T_camera_world[:, :3].T + T_camera_world[:, 3]
    return float(_POINT_SHARE * np.median(np.linalg.norm(in_camera, axis=1)))
