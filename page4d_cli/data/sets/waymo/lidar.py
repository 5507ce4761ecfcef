"""LiDAR of a Waymo frame: from range images to points in the world, and to depth in the camera.

A range image has a row a beam and a column an angle of the turning sensor; a second matrix says
in which pixels of which cameras each return is seen, lens and rolling shutter taken into account,
and a third, of the sensor on the roof, where the vehicle was at each return. The geometry is that
of the data set's own tools: column j of W is at the azimuth (1 - (2 j + 1) / W) π, less the
sensor's own heading, row 0 is the highest beam.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.sets.waymo.camera import WaymoCamera
from page4d_cli.data.sets.waymo.messages import parse

_MOST_BYTES = 1 << 28
"""Of a matrix: thirty times those of the largest range image."""


@dataclass(frozen=True)
class LidarPoints:
    """N first returns that a camera sees, of all sensors."""

    world: Float64Array
    """(N, 3)."""
    pixels: Float64Array
    """(N, 2) as (u, v) of the picture as taken."""


def matrix_4x4(transform: Any) -> Float64Array:  # noqa: ANN401 - a message
    """(4, 4) of a transform, row by row.

    Raises:
        ValueError: it has not 16 numbers.
    """
    return np.array(transform.transform, np.float64).reshape(4, 4)


def read_points(frame: Any, camera: int) -> LidarPoints:  # noqa: ANN401 - a message
    """The points of a frame that a camera sees; none if it holds no laser data.

    Args:
        frame: the frame.
        camera: number of the camera.

    Raises:
        ValueError: a range image is damaged, or its sensor is not calibrated.
    """
    found = list(_of_lasers(frame, camera))
    world = [each.world for each in found] or [np.zeros((0, 3))]
    pixels = [each.pixels for each in found] or [np.zeros((0, 2))]
    return LidarPoints(np.concatenate(world), np.concatenate(pixels))


def _of_lasers(frame: Any, camera: int) -> Iterator[LidarPoints]:  # noqa: ANN401 - a message
    T_world_vehicle = matrix_4x4(frame.pose)
    calibrations = {each.name: each for each in frame.context.laser_calibrations}
    for laser in frame.lasers:
        stored = laser.ri_return1
        if not stored.range_image_compressed:
            continue
        if laser.name not in calibrations:
            raise ValueError(f"laser {laser.name} is not calibrated")
        # A camera and its pixel, and those of a second camera; 0 is none.
        seen = _matrix("MatrixInt32", stored.camera_projection_compressed, 6)
        is_first, is_second = seen[..., 0] == camera, seen[..., 3] == camera
        if not (is_first.any() or is_second.any()):
            continue  # it looks elsewhere; its other matrices need not be unpacked
        ranges = _matrix("MatrixFloat", stored.range_image_compressed, 4)[..., 0]
        if seen.shape[:2] != ranges.shape:
            raise ValueError(f"laser {laser.name}: range image and projections differ in size")
        rows, columns = np.nonzero((ranges > 0) & (is_first | is_second))
        points = _in_vehicle(ranges, rows, columns, calibrations[laser.name])
        if stored.range_image_pose_compressed:
            poses = _matrix("MatrixFloat", stored.range_image_pose_compressed, 6)
            points = _by_pose(points, poses[rows, columns].astype(np.float64))
        else:
            points = points @ T_world_vehicle[:3, :3].T + T_world_vehicle[:3, 3]
        taken = seen[rows, columns].astype(np.float64)
        first = is_first[rows, columns, None]
        yield LidarPoints(points, np.where(first, taken[:, 1:3], taken[:, 4:6]))


def _in_vehicle(
    ranges: NDArray[Any],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    calibration: Any,  # noqa: ANN401 - a message
) -> Float64Array:
    """Returns (N, 3) in the frame of the vehicle."""
    height, width = ranges.shape
    T_vehicle_laser = matrix_4x4(calibration.extrinsic)
    inclinations = beam_inclinations(calibration, height)[::-1]
    heading = np.arctan2(T_vehicle_laser[1, 0], T_vehicle_laser[0, 0])
    azimuth = (1 - (2 * columns + 1) / width) * np.pi - heading
    inclination = inclinations[rows]
    direction = np.stack(
        [
            np.cos(azimuth) * np.cos(inclination),
            np.sin(azimuth) * np.cos(inclination),
            np.sin(inclination),
        ],
        -1,
    )
    points = direction * ranges[rows, columns][:, None]
    return np.asarray(points @ T_vehicle_laser[:3, :3].T + T_vehicle_laser[:3, 3])


def beam_inclinations(calibration: Any, height: int) -> Float64Array:  # noqa: ANN401 - a message
    """(height,) radians, the lowest beam first.

    Raises:
        ValueError: the calibration has another number of beams.
    """
    if not calibration.beam_inclinations:
        low, high = calibration.beam_inclination_min, calibration.beam_inclination_max
        return np.asarray(low + (np.arange(height) + 0.5) / height * (high - low))
    inclinations = np.array(calibration.beam_inclinations, np.float64)
    if len(inclinations) != height:
        raise ValueError(f"{len(inclinations)} beams for a range image of {height} rows")
    return inclinations


def _by_pose(points: Float64Array, poses: Float64Array) -> Float64Array:
    """Points (N, 3) of the vehicle in the world, each by its pose (N, 6).

    A pose is roll, pitch, yaw, of which the roll comes first, and x, y, z.
    """
    # Here, not above: whoever looks at the list of data sets would wait for it.
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("xyz", poses[:, :3]).apply(points) + poses[:, 3:])


def _matrix(kind: str, compressed: bytes, channels: int) -> NDArray[Any]:
    """Unpack a matrix (H, W, channels).

    Raises:
        ValueError: it is none.
    """
    try:
        matrix = parse(kind, zlib.decompressobj().decompress(compressed, _MOST_BYTES))
        values = np.array(matrix.data, np.float32 if kind == "MatrixFloat" else np.int32)
        height, width, _ = matrix.shape.dims
        return values.reshape(height, width, channels)
    except (zlib.error, ValueError) as error:
        raise ValueError(f"a matrix of laser data is damaged: {error}") from error


def depth_in_camera(
    points: LidarPoints, camera: WaymoCamera, T_camera_world: Float64Array
) -> Float32Array:
    """Depth of points where the pinhole has them; of those in one pixel the nearest counts.

    Args:
        points: that the camera sees.
        camera: which one.
        T_camera_world: (3, 4) of the camera when the picture was taken.

    Returns:
        (H, W) planar z, 0 where there is no point.
    """
    width, height = camera.size
    z = points.world @ T_camera_world[2, :3] + T_camera_world[2, 3]
    u, v = np.floor(camera.undistort_pixels(points.pixels) + 0.5).astype(np.intp).T
    inside = (z > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    depth = np.full((height, width), np.inf, np.float32)
    np.minimum.at(depth, (v[inside], u[inside]), z[inside].astype(np.float32))
    depth[np.isinf(depth)] = 0
    return depth
