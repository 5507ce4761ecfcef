"""Depth carried from frame to frame: exact on planes, and silent where nothing is known."""

import numpy as np
import pytest

from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.core.reproject import PosedDepth, carry, carry_points, sample_depth

K = np.array([[40.0, 0, 24.3], [0, 42.0, 15.6], [0, 0, 1]])
SHAPE = (32, 48)
TURN = matrix_from_quat_xyzw(np.array([0.03, -0.05, 0.02, 1.0]))
NORMAL, DISTANCE = np.array([0.3, -0.2, 1.0]), 4.0


def view_of_plane(T_camera_world):
    """Depth of the plane NORMAL · x = DISTANCE of the world, pixel by pixel."""
    rotation, translation = T_camera_world[:, :3], T_camera_world[:, 3]
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(SHAPE)], axis=-1)
    in_camera = rotation @ NORMAL
    depth = (DISTANCE + in_camera @ translation) / (rays @ in_camera)
    return PosedDepth(depth, K, T_camera_world)


@pytest.fixture
def first():
    return view_of_plane(np.eye(3, 4))


@pytest.fixture
def second():
    return view_of_plane(np.column_stack([TURN, [0.2, -0.1, 0.15]]))


def test_a_plane_is_found_exactly_where_it_is(first, second):
    for source, target in ((first, second), (second, first), (first, first)):
        carried = carry(source, target)
        met = np.isfinite(carried.found.between)
        assert met.mean() > 0.5
        np.testing.assert_allclose(carried.found.between[met], carried.depth[met], rtol=1e-12)
        assert (carried.found.nearest[met] <= carried.depth[met] * (1 + 1e-12)).all()
        assert (carried.found.farthest[met] >= carried.depth[met] * (1 - 1e-12)).all()


def test_a_frame_carried_into_itself_meets_itself_in_every_pixel(first):
    carried = carry(first, first)
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(carried.pixels, np.stack([u, v], -1).reshape(-1, 2), atol=1e-9)
    np.testing.assert_allclose(carried.found.between, first.depth.ravel(), rtol=1e-12)


@pytest.mark.parametrize(("step", "start"), [(2, 0), (3, 1), (5, 4)])
def test_fewer_pixels_see_the_same_points(first, second, step, start):
    all_, some = carry(first, second), carry(first.every(step, start), second)
    place = np.arange(first.depth.size).reshape(SHAPE)[start::step, start::step].ravel()
    np.testing.assert_allclose(some.pixels, all_.pixels[place], atol=1e-9)
    np.testing.assert_allclose(some.depth, all_.depth[place])


def test_what_has_no_depth_is_neither_carried_nor_found(first, second):
    holed = PosedDepth(first.depth.copy(), K, first.T_camera_world)
    holed.depth[10, 20] = np.nan
    assert len(carry(holed, second).depth) == first.depth.size - 1
    around = np.array([[20.0, 10.0], [19.5, 9.5], [20.5, 10.5], [18.9, 10.0], [21.1, 10.0]])
    found = sample_depth(holed.depth, around)
    for values in (found.between, found.nearest, found.farthest):
        assert np.isnan(values).tolist() == [True, True, True, False, False]


def test_outside_and_behind_there_is_nothing(first):
    edge = np.array([[0.0, 0], [47, 31], [-0.01, 5], [47.01, 5], [5, 31.01], [np.nan, 5]])
    found = sample_depth(first.depth, edge).between
    np.testing.assert_allclose(found[:2], first.depth[[0, 31], [0, 47]])
    assert np.isnan(found[2:]).all()
    behind = carry_points(np.array([[0.0, 0, -2], [0, 0, 0]]), first)
    assert behind.depth.tolist() == [-2, 0] and np.isnan(behind.found.between).all()


def test_an_edge_shows_both_of_its_sides():
    depth = np.full((4, 4), 2.0)
    depth[:, 2:] = 6.0
    found = sample_depth(depth, np.array([[1.5, 1.0], [0.5, 1.0]]))
    assert found.nearest.tolist() == [2, 2] and found.farthest.tolist() == [6, 2]
    np.testing.assert_allclose(found.between, [3, 2])  # the harmonic mean


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1)])
def test_a_map_may_be_one_pixel_wide(shape):
    depth = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    v, u = np.mgrid[: shape[0], : shape[1]]
    found = sample_depth(depth, np.stack([u, v], -1).reshape(-1, 2))
    np.testing.assert_allclose(found.between, depth.ravel())
