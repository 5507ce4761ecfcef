"""Records in the form of the Waymo Open Dataset, of a drawn scene and with exact truth."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from page4d_cli.core.geometry import as_homogeneous, invert_rigid, project
from page4d_cli.data.sets.waymo.messages import message_type
from page4d_cli.data.sets.waymo.records import masked_crc
from page4d_cli.data.synthetic import SyntheticScene, render, sample_scene
from page4d_cli.data.synthetic.ray_casting import cast_rays, place_bodies

ORIGIN_M = np.array([-25211.0, 42391.0, -160.0])
"""Of the drawn world in the record's, as far off as real ones."""
FRAME_LEAD_S = 0.05
"""By which a frame's time is before its picture's."""
FRONT, TOP, BUMPER = 1, 1, 2
NAME = "segment-1024360143612057520_3580_000_3600_000_with_camera_labels.tfrecord"
_AXES = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
"""OpenCV's axes of a vector with Waymo's."""


@dataclass(frozen=True)
class WaymoTruth:
    """S frames. `hits` are the exact points that the sensors meet, a list a frame."""

    images: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    T_camera_world: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    timestamps_us: NDArray[np.int64]
    hits: tuple[NDArray[np.float64], ...]
    """(N, 3) in the record's world."""
    frames: tuple[Any, ...]
    """The messages."""

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Still:
    """A path or a motion that has these poses, whatever the time."""

    poses: NDArray[np.float64]

    def T_world_camera(self, _times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.poses

    def T_world_body(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.broadcast_to(self.poses, (len(times_s), *self.poses.shape))


@cache
def waymo_truth(
    seed: int = 0,
    frames: int = 4,
    size: tuple[int, int] = (48, 36),
    beams: tuple[int, int] = (40, 480),
) -> WaymoTruth:
    """Draw a scene and scan it; `beams` are rows and columns of the range image of the roof."""
    scene = sample_scene(seed=seed)
    times_s = 1.0 + np.arange(frames) / 2
    clips = render([scene], times_s[None], size)
    images = clips.images[0].numpy()
    k = scene.intrinsics(size)
    poses, hits, messages = [], [], []
    for time_s, image in zip(times_s, images, strict=True):
        T_world_camera = scene.camera.T_world_camera(np.array([time_s]))[0]
        moved = T_world_camera.copy()
        moved[:, 3] += ORIGIN_M
        poses.append(invert_rigid(moved))
        frame, points = _frame(scene, float(time_s), image, k, beams)
        messages.append(frame)
        hits.append(points)
    stamps = np.array([frame.timestamp_micros for frame in messages])
    depth = clips.depth[0].numpy()
    return WaymoTruth(images, depth, np.stack(poses), k, stamps, tuple(hits), tuple(messages))


def write_waymo(root: Path, truth: WaymoTruth, name: str = NAME) -> Path:
    """Below the folder of a part of the data set, as the original expects it."""
    return write_records(
        root / "training_0000" / name, [frame.SerializeToString() for frame in truth.frames]
    )


def write_records(path: Path, records: Sequence[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + struct.pack("<I", masked_crc(length)))
            file.write(data + struct.pack("<I", masked_crc(data)))
    return path


def copy_of(frame: Any) -> Any:
    """A frame that can be changed."""
    return message_type("Frame").FromString(frame.SerializeToString())


def pack_matrix(kind: str, values: NDArray[Any]) -> bytes:
    matrix = message_type(kind)(data=values.ravel().tolist())
    matrix.shape.dims.extend(values.shape)
    return zlib.compress(matrix.SerializeToString())


def _frame(
    scene: SyntheticScene,
    time_s: float,
    image: NDArray[np.uint8],
    k: NDArray[np.float64],
    beams: tuple[int, int],
) -> tuple[Any, NDArray[np.float64]]:
    height, width = image.shape[:2]
    frame = message_type("Frame")(timestamp_micros=1_553_735_853_000_000 + round(time_s * 1e6))
    frame.context.name = "drawn"
    camera = frame.context.camera_calibrations.add(name=FRONT, width=width, height=height)
    camera.intrinsic.extend([k[0, 0], k[1, 1], k[0, 2], k[1, 2], 0, 0, 0, 0, 0])
    camera.extrinsic.transform.extend(T_VEHICLE_CAMERA_WAYMO.ravel())
    frame.pose.transform.extend(_vehicle(scene, time_s - FRAME_LEAD_S).ravel())
    for other in (2, FRONT):  # the front camera need not come first
        shown = frame.images.add(
            name=other, image=_jpeg(image if other == FRONT else image[:, ::-1])
        )
        shown.pose.transform.extend(_vehicle(scene, time_s).ravel())
    T_camera_world = invert_rigid(_vehicle(scene, time_s)[:3] @ as_homogeneous(_T_VEHICLE_CAMERA))
    hits = []
    for laser, shape in ((TOP, beams), (BUMPER, (beams[0] // 2, beams[1] // 2))):
        hits.append(_scan(frame, laser, shape, scene, time_s, k, T_camera_world, (width, height)))
    return frame, np.concatenate(hits)


def _scan(
    frame: Any,
    laser: int,
    shape: tuple[int, int],
    scene: SyntheticScene,
    time_s: float,
    k: NDArray[np.float64],
    T_camera_world: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.float64]:
    """Add a sensor's range image; the points it meets, in the record's world."""
    rows, columns = shape
    calibration = frame.context.laser_calibrations.add(name=laser)
    T_vehicle_laser = _T_VEHICLE_LASER[laser]
    calibration.extrinsic.transform.extend(T_vehicle_laser.ravel())
    low, high = np.deg2rad([-32.0, 30.0])
    inclinations = low + (np.arange(rows) + 0.5) / rows * (high - low)
    if laser == TOP:  # beams that are not evenly spaced
        inclinations = inclinations + 0.002 * np.sin(np.arange(rows))
        calibration.beam_inclinations.extend(inclinations)
    calibration.beam_inclination_min, calibration.beam_inclination_max = low, high
    heading = np.arctan2(T_vehicle_laser[1, 0], T_vehicle_laser[0, 0])
    azimuth = (1 - (2 * np.arange(columns) + 1) / columns) * np.pi - heading
    # While the roof's sensor turns, the vehicle moves on; the others take all at the frame's time.
    leads_s = np.full(columns, FRAME_LEAD_S)
    if laser == TOP:
        leads_s = np.linspace(FRAME_LEAD_S, -FRAME_LEAD_S, columns)
    vehicles = np.stack([_vehicle(scene, time_s - lead) for lead in leads_s])
    stored = vehicles.copy()
    if laser == TOP:
        six = _six_numbers(vehicles)
        stored[:, :3, :3] = Rotation.from_euler("xyz", six[:, :3]).as_matrix()
        stored[:, :3, 3] = six[:, 3:]
        poses = np.broadcast_to(six.astype(np.float32), (rows, columns, 6))
    ranges = _ranges(scene, time_s, stored @ T_vehicle_laser, inclinations[::-1], azimuth)
    ranges = ranges.astype(np.float32)
    direction = np.stack(
        np.broadcast_arrays(
            np.cos(azimuth) * np.cos(inclinations[::-1, None]),
            np.sin(azimuth) * np.cos(inclinations[::-1, None]),
            np.sin(inclinations[::-1, None]),
        ),
        -1,
    )
    T_world_laser = stored @ T_vehicle_laser
    points = direction.astype(np.float64) * ranges[..., None]
    points = np.einsum("cij,rcj->rci", T_world_laser[:, :3, :3], points) + T_world_laser[:, :3, 3]
    pixels, depth = project(points.reshape(-1, 3), k, T_camera_world)
    u, v = np.floor(pixels + 0.5).T
    seen = (ranges.ravel() > 0) & (depth > 0)
    seen &= (u >= 0) & (v >= 0) & (u < size[0]) & (v < size[1])
    table = np.zeros((rows * columns, 6), np.int32)
    table[seen, 0], table[seen, 1], table[seen, 2] = FRONT, u[seen], v[seen]
    swapped = seen & (np.arange(len(seen)) % 3 == 0)  # the front camera may come second
    table[swapped] = table[swapped][:, [3, 4, 5, 0, 1, 2]]
    table[swapped, 0] = 2
    out = frame.lasers.add(name=laser).ri_return1
    image = np.zeros((rows, columns, 4), np.float32)
    image[..., 0] = ranges
    out.range_image_compressed = pack_matrix("MatrixFloat", image)
    out.camera_projection_compressed = pack_matrix("MatrixInt32", table.reshape(rows, columns, 6))
    if laser == TOP:
        out.range_image_pose_compressed = pack_matrix("MatrixFloat", poses)
    return points.reshape(-1, 3)[seen]


def _ranges(
    scene: SyntheticScene,
    time_s: float,
    T_world_laser: NDArray[np.float64],
    inclinations: NDArray[np.float64],
    azimuth: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(rows, columns) distances along the beams that look ahead, 0 else; bodies at one time."""
    poses = T_world_laser[:, :3].copy()
    poses[:, :, 3] -= ORIGIN_M
    poses[:, :, :3] = poses[:, :, :3] @ _AXES.T
    bodies = scene.motion.T_world_body(np.array([time_s]))[0]
    still = replace(scene, camera=_Still(poses), motion=_Still(bodies), fov_rad=2.8)
    placed = place_bodies([still], np.full((1, len(azimuth)), time_s), (64, 64))
    ahead = np.cos(azimuth) > 0.3
    safe = np.where(ahead, azimuth, 0)
    x = -np.tan(safe)[:, None] * np.ones_like(inclinations)
    y = -np.tan(inclinations) / np.cos(safe)[:, None]
    depth, _ = cast_rays(placed, torch.from_numpy(x), torch.from_numpy(y))
    distance = depth.numpy() * np.sqrt(x * x + y * y + 1)
    return np.where(ahead[:, None], distance, 0).T


def _six_numbers(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Roll, pitch, yaw, x, y, z as a record holds them, rounded to float32."""
    angles = Rotation.from_matrix(poses[:, :3, :3]).as_euler("xyz")
    return np.concatenate([angles, poses[:, :3, 3]], 1).astype(np.float32).astype(np.float64)


def _vehicle(scene: SyntheticScene, time_s: float) -> NDArray[np.float64]:
    """T_world_vehicle (4, 4) when the camera is where the scene's is."""
    T_world_camera = scene.camera.T_world_camera(np.array([time_s]))[0]
    T_world_camera[:, 3] += ORIGIN_M
    return as_homogeneous(T_world_camera) @ np.linalg.inv(as_homogeneous(_T_VEHICLE_CAMERA))


def _placed(degrees: tuple[float, float, float], place: tuple[float, float, float]) -> Any:
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    transform[:3, 3] = place
    return transform


T_VEHICLE_CAMERA_WAYMO = _placed((0.5, -0.3, 2.0), (1.5, -0.02, 2.1))
_T_VEHICLE_CAMERA = T_VEHICLE_CAMERA_WAYMO[:3].copy()
_T_VEHICLE_CAMERA[:, :3] = T_VEHICLE_CAMERA_WAYMO[:3, :3] @ _AXES.T
_T_VEHICLE_LASER = {
    TOP: _placed((1.0, 0.4, 30.0), (1.45, 0.0, 2.12)),
    BUMPER: _placed((0.0, 0.0, -5.0), (1.52, -0.04, 2.05)),
}


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=95)
    return file.getvalue()
