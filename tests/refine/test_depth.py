import numpy as np
import pytest

from page4d_cli.core.geometry import project
from page4d_cli.refine.adjust import State
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.depth import depth_scales
from page4d_cli.refine.tracks import Tracks

SIZE = np.array([300, 200])


def sightings(points, field):
    """Two cameras see all points; the second one's depth is too small by exp(field)."""
    poses = np.repeat(np.eye(4)[None, :3], 2, 0)
    poses[1, 0, 3] = -0.3
    k = np.array([[300.0, 0, 149.5], [0, 300, 99.5], [0, 0, 1]])
    cameras = Cameras(poses, k[None], np.zeros(2, np.int64), np.zeros(1))
    pixels, depth = project(points, cameras.of_frames, poses)
    depth[1] /= np.exp(field(*((2 * pixels[1] + 1) / SIZE - 1).T))
    point, frame = (each.ravel() for each in np.mgrid[0 : len(points), 0:2])
    colors = np.zeros((len(points), 3), np.uint8)
    tracks = Tracks(point, frame, pixels[frame, point], depth[frame, point], colors)
    return tracks, State(cameras, points)


def scales(count, field, depth=(0.8, 1.6)):
    rng = np.random.default_rng(0)
    low, high = (-0.4, -0.3, depth[0]), (0.4, 0.3, depth[1])
    tracks, state = sightings(rng.uniform(low, high, (count, 3)), field)
    return depth_scales(tracks, state, np.stack([SIZE, SIZE]), np.ones(2 * count, bool))


def test_a_smooth_field_is_found_where_points_allow_it():
    def field(x, y):
        return 0.1 + 0.05 * x - 0.08 * y * y

    exact, wrong = scales(300, field)
    pixels = np.array([[50.0, 60], [150, 100], [250, 150]])
    np.testing.assert_allclose(exact.at(pixels, SIZE), 0, atol=1e-6)
    x, y = ((2 * pixels + 1) / SIZE - 1).T
    np.testing.assert_allclose(wrong.at(pixels, SIZE), field(x, y), atol=0.01)
    assert wrong.is_field


def test_few_points_give_a_number_and_none_give_none():
    number = scales(20, lambda x, _y: 0.2 + 0 * x)[1]
    assert not number.is_field and number.coefficients[0] == pytest.approx(0.2)
    assert not scales(3, lambda x, _y: 0.2 + 0 * x)[1].coefficients.any()


def test_points_without_parallax_have_no_say():
    assert not scales(300, lambda x, _y: 0.2 + 0 * x, depth=(80, 90))[1].coefficients.any()
