"""Points before cameras, and their exact sightings: what an adjustment must find."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from page4d_cli.core.geometry import project
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.tracks import Tracks

FRAMES, POINTS = 5, 60


def true_scene() -> tuple[Cameras, NDArray[np.float64]]:
    """Cameras, and points (N, 3) about one unit before them."""
    rng = np.random.default_rng(0)
    points = rng.uniform((-0.6, -0.5, 0.7), (0.6, 0.5, 1.6), (POINTS, 3))
    turns = Rotation.from_rotvec(rng.normal(0, 0.05, (FRAMES, 3))).as_matrix()
    poses = np.concatenate([turns, rng.normal(0, 0.1, (FRAMES, 3, 1))], axis=2)
    k = np.array([[300.0, 0, 150], [0, 300, 100], [0, 0, 1]])
    return Cameras(poses, k[None], np.zeros(FRAMES, np.int64), np.zeros(1)), points


def sightings(cameras: Cameras, points: NDArray[np.float64], frames: int = FRAMES) -> Tracks:
    """All points in the first frames, through the lenses that the cameras have."""
    pixels, depth = project(points, cameras.of_frames, cameras.T_camera_world)
    k = cameras.of_frames[:, None]
    plane = (pixels - k[..., :2, 2]) / np.diagonal(k, axis1=-2, axis2=-1)[..., :2]
    bend = cameras.k1[cameras.camera_of_frame, None] * (plane**2).sum(-1)
    pixels += bend[..., None] * (pixels - k[..., :2, 2])
    point, frame = (each.ravel() for each in np.mgrid[0 : len(points), 0:frames])
    colors = np.zeros((len(points), 3), np.uint8)
    return Tracks(point, frame, pixels[frame, point], depth[frame, point], colors)


def moved(cameras: Cameras, degrees: float) -> Cameras:
    """Turned and shifted at random, focal length a tenth too long."""
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(rng.normal(0, np.radians(degrees), (FRAMES, 3))).as_matrix()
    poses = turns @ cameras.T_camera_world
    poses[..., 3] += rng.normal(0, 0.02, (FRAMES, 3))
    intrinsics = cameras.intrinsics.copy()
    intrinsics[:, [0, 1], [0, 1]] *= 1.1
    return replace(cameras, T_camera_world=poses, intrinsics=intrinsics)
