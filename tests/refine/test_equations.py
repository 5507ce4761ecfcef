import numpy as np
from scipy.sparse import vstack
from seen_points import FRAMES, moved, sightings, true_scene

from page4d_cli.refine.adjust import State, _Adjustment
from page4d_cli.refine.cameras import Freedom
from page4d_cli.refine.equations import PointEquations


def test_a_step_solves_the_equations_of_cameras_and_points_together():
    cameras, points = true_scene()
    tracks = sightings(cameras, points, FRAMES - 1)
    network = moved(cameras, 1.0)
    adjustment = _Adjustment(tracks, network, 4.0, Freedom(distortion=True))
    equations = adjustment._equations(State(network, points * 1.02))
    of_cameras, of_points = equations.solve(0.1)
    curvature, mixed = equations.curvature.toarray(), vstack(equations.mixed).toarray()
    count, along = len(points), equations.of_points.along.ravel()
    blocks = np.zeros((count, 3, count, 3))
    blocks[range(count), :, range(count)] = equations.of_points.blocks
    whole = np.block([[curvature, mixed], [mixed.T, blocks.reshape(3 * count, -1)]])
    whole[np.diag_indices_from(whole)] *= 1.1
    expected = -np.linalg.solve(whole, np.concatenate([equations.gradient, along]))
    found = np.concatenate([of_cameras, of_points.ravel()])
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_a_point_that_fell_into_a_camera_does_not_hold_the_others():
    far = np.diag([1e2, 1e2, 1e-2])
    blocks = np.stack([far, 1e12 * np.eye(3)])
    found = PointEquations(blocks, np.ones((2, 3))).solve(0.0)[0]
    np.testing.assert_allclose(found, -np.linalg.solve(far, np.ones(3)), rtol=1e-4)
