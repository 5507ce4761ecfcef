import numpy as np

from page4d_cli.core.geometry import invert_rigid, matrix_from_quat_xyzw, project
from page4d_cli.io.formats.glb import frustum_corners


def test_frustum_corners_project_onto_the_corners_of_the_picture():
    rng = np.random.default_rng(0)
    rotation = matrix_from_quat_xyzw(rng.normal(size=(2, 4)))
    poses = np.concatenate([rotation, rng.normal(size=(2, 3, 1))], axis=2)
    k = np.array([[[50.0, 0, 31], [0, 60, 20], [0, 0, 1]]]).repeat(2, 0)
    corners = frustum_corners(poses, k, np.array([[64.0, 48.0], [32.0, 16.0]]), 0.3)
    np.testing.assert_allclose(corners[:, 0], invert_rigid(poses)[..., 3], atol=1e-12)
    pixels, depth = project(corners[:, 1:], k, poses)
    np.testing.assert_allclose(depth, 0.3)
    for found, (right, bottom) in zip(pixels, [(63.5, 47.5), (31.5, 15.5)], strict=True):
        expected = [(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)]
        np.testing.assert_allclose(found, expected, atol=1e-9)
