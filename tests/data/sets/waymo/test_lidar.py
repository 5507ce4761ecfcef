"""LiDAR in a picture: the nearest return counts, where the pinhole has it."""

import numpy as np
import pytest

from page4d_cli.data.sets.waymo.camera import WaymoCamera
from page4d_cli.data.sets.waymo.lidar import LidarPoints, beam_inclinations, depth_in_camera
from page4d_cli.data.sets.waymo.messages import message_type

FAR_OFF = np.array([-25211.0, 42391.0, -160.0])


def camera(distortion=0.0):
    values = np.array([100.0, 100, 50, 40, *(distortion * np.array([-0.2, 0.02, 0, 0, 0]))])
    return WaymoCamera.from_calibration(values, np.eye(4), (101, 81))


def pose_and_points(pixels, depth):
    """A camera far from the origin, and points at the depths that the pixels show."""
    T_camera_world = camera().T_camera_world(np.column_stack([np.eye(3), FAR_OFF]))
    rays = np.column_stack([(pixels - (50, 40)) / 100, np.ones(len(pixels))])
    in_camera = rays * np.array(depth)[:, None] - T_camera_world[:, 3]
    return T_camera_world, in_camera @ T_camera_world[:, :3]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearest_return_counts_whichever_is_written_last(order):
    pixels = np.array([[30.0, 20.0], [30.0, 20.0]])
    pose, world = pose_and_points(pixels, [4.0, 30.0])
    depth = depth_in_camera(LidarPoints(world[order], pixels[order]), camera(), pose)
    assert depth[20, 30] == pytest.approx(4, rel=1e-6) and np.count_nonzero(depth) == 1


def test_a_return_lies_where_the_lens_did_not_put_it():
    lens = camera(distortion=1.0)
    straight = np.array([[95.0, 75.0], [50.0, 40.0]])
    taken = lens.distort_pixels(straight)
    assert np.abs(taken - straight).max() > 1
    pose, world = pose_and_points(straight, [7.0, 9.0])
    depth = depth_in_camera(LidarPoints(world, taken), lens, pose)
    np.testing.assert_allclose(depth[[75, 40], [95, 50]], [7, 9], rtol=1e-6)
    assert np.count_nonzero(depth) == 2


def test_what_is_behind_or_beside_the_picture_is_left_out():
    pixels = np.array([[30.0, 20.0], [-3.0, 20.0], [30.0, 99.0]])
    pose, world = pose_and_points(pixels, [-4.0, 5.0, 6.0])
    assert not depth_in_camera(LidarPoints(world, pixels), camera(), pose).any()


def test_beams_between_two_ends_are_at_the_middles_of_equal_parts():
    calibration = message_type("LaserCalibration")(
        beam_inclination_min=-1.0, beam_inclination_max=1.0
    )
    np.testing.assert_allclose(beam_inclinations(calibration, 4), [-0.75, -0.25, 0.25, 0.75])
