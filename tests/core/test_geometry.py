import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from page4d_cli.core import geometry


@st.composite
def rotations(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    quat = np.random.default_rng(seed).normal(size=(3, 4))
    return geometry.matrix_from_quat_xyzw(quat)


def camera(seed: int):
    rng = np.random.default_rng(seed)
    rotation = geometry.matrix_from_quat_xyzw(rng.normal(size=4))
    T_camera_world = np.concatenate([rotation, rng.normal(size=(3, 1))], axis=1)
    intrinsics = np.array([[50.0, 0, 12.3], [0, 60.0, 9.1], [0, 0, 1]])
    return T_camera_world, intrinsics


@given(rotations())
def test_quaternion_round_trip(rotation):
    quat = geometry.quat_xyzw_from_matrix(rotation)
    np.testing.assert_allclose(geometry.matrix_from_quat_xyzw(quat), rotation, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(quat, axis=-1), 1, atol=1e-12)
    assert (quat[..., 3] >= 0).all()


@pytest.mark.parametrize(
    ("rotation", "quat_xyzw"),
    [
        (np.eye(3), (0, 0, 0, 1)),
        (np.diag([1.0, -1, -1]), (1, 0, 0, 0)),
        (np.diag([-1.0, -1, 1]), (0, 0, 1, 0)),
        ([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], (0, 0, np.sqrt(0.5), np.sqrt(0.5))),
    ],
)
def test_known_quaternions(rotation, quat_xyzw):
    quat = geometry.quat_xyzw_from_matrix(np.asarray(rotation))
    assert abs(np.dot(quat, quat_xyzw)) == pytest.approx(1)
    np.testing.assert_allclose(geometry.matrix_from_quat_xyzw(quat), rotation, atol=1e-12)


@given(st.integers(0, 1000))
def test_inverse_undoes_a_transform(seed):
    transform, _ = camera(seed)
    back = geometry.as_homogeneous(geometry.invert_rigid(transform))
    np.testing.assert_allclose(back @ geometry.as_homogeneous(transform), np.eye(4), atol=1e-12)


@given(st.integers(0, 1000))
def test_project_undoes_unproject(seed):
    T_camera_world, intrinsics = camera(seed)
    depth = np.random.default_rng(seed).uniform(0.5, 9, (7, 11))
    world = geometry.world_points_from_depth(depth, intrinsics, T_camera_world)
    pixels, back = geometry.project(world.reshape(-1, 3), intrinsics, T_camera_world)
    v, u = np.mgrid[:7, :11]
    np.testing.assert_allclose(pixels, np.stack([u, v], -1).reshape(-1, 2), atol=1e-9)
    np.testing.assert_allclose(back.reshape(7, 11), depth, rtol=1e-12)


def test_leading_axes_are_frames():
    pairs = [camera(seed) for seed in range(3)]
    T_camera_world, intrinsics = (np.stack(part) for part in zip(*pairs, strict=True))
    depth = np.random.default_rng(0).uniform(1, 2, (3, 4, 5))
    together = geometry.world_points_from_depth(depth, intrinsics, T_camera_world)
    for index, (pose, k) in enumerate(pairs):
        alone = geometry.world_points_from_depth(depth[index], k, pose)
        np.testing.assert_allclose(together[index], alone)


def test_valid_depth_is_positive_and_finite():
    depth = np.array([1.5, 0, -1, np.nan, np.inf], np.float32)
    valid = geometry.valid_depth(depth)
    assert valid.dtype == np.float32 and valid[0] == 1.5 and np.isnan(valid[1:]).all()


def test_frustum_corners_project_onto_the_corners_of_the_picture():
    rng = np.random.default_rng(0)
    rotation = geometry.matrix_from_quat_xyzw(rng.normal(size=(2, 4)))
    poses = np.concatenate([rotation, rng.normal(size=(2, 3, 1))], axis=2)
    k = np.array([[[50.0, 0, 31], [0, 60, 20], [0, 0, 1]]]).repeat(2, 0)
    boxes = np.array([[0, 0, 64, 48], [3, 5, 32, 16]])
    corners = geometry.frustum_corners(poses, k, boxes, 0.3)
    np.testing.assert_allclose(corners[:, 0], geometry.invert_rigid(poses)[..., 3], atol=1e-12)
    pixels, depth = geometry.project(corners[:, 1:], k, poses)
    np.testing.assert_allclose(depth, 0.3)
    for found, (left, top, right, bottom) in zip(pixels, boxes - 0.5, strict=True):
        expected = [(left, top), (right, top), (right, bottom), (left, bottom)]
        np.testing.assert_allclose(found, expected, atol=1e-9)
