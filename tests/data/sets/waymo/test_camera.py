import numpy as np
import pytest

from page4d_cli.data.sets.waymo.camera import WaymoCamera

REAL = np.array([2044.5, 2044.5, 949.6, 633.2, 0.04036, -0.33002, 0.00104, -0.00157, 0.0])
"""Of a front camera, 1920×1280."""


def camera(scale=1.0, distortion=1.0):
    values = REAL * np.where(np.arange(9) < 4, scale, distortion)
    size = (round(1920 * scale), round(1280 * scale))
    return WaymoCamera.from_calibration(values, np.eye(4), size)


def test_the_camera_looks_along_waymo_s_x():
    pose = camera().T_camera_world(np.eye(4)[:3])
    np.testing.assert_array_equal(pose @ [10, 0, 0, 1], [0, 0, 10])
    np.testing.assert_array_equal(pose @ [10, 2, 3, 1], [-2, -3, 10])  # left, up


def test_undistort_is_the_inverse_of_distort():
    pixels = np.random.default_rng(0).uniform((0, 0), (1919, 1279), (500, 2))
    lens = camera()
    moved = lens.undistort_pixels(pixels)
    np.testing.assert_allclose(lens.distort_pixels(moved), pixels, atol=1e-5)
    assert np.linalg.norm(moved - pixels, axis=-1).max() > 20


def test_a_picture_is_taken_from_where_the_lens_put_it():
    """Grey values that are the column and the row: bilinear sampling gives the place itself."""
    lens = camera(scale=0.12)
    width, height = lens.size
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    image = np.stack([u, v, v], -1).astype(np.uint8)
    source = lens.distort_pixels(np.stack([u, v], -1).astype(float))
    inside = (source >= 1).all(-1) & (source <= [width - 2, height - 2]).all(-1)
    error = lens.undistort_image(image)[..., :2].astype(float) - source
    assert np.abs(error[inside]).max() < 1.1  # whole grey values, rounded down
    assert abs(error[inside].mean() + 0.5) < 0.6 and inside.mean() > 0.9


def test_without_distortion_pictures_stay_as_they_are():
    image = np.zeros((2, 2, 3), np.uint8)
    assert camera(distortion=0.0).undistort_image(image) is image


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_middle_stays(scale):
    lens = camera(scale)
    middle = np.array([lens.pinhole[2:]])
    np.testing.assert_allclose(lens.undistort_pixels(middle), middle, atol=1e-9)
