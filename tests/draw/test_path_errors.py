import numpy as np
import pytest

from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.draw.path_errors import draw_path_errors

GREY = 191
"""Of the true path."""


@pytest.fixture
def path():
    """A rising spiral, seen with level cameras."""
    angle = np.linspace(0, 5, 60)
    positions = np.column_stack([np.cos(angle), np.linspace(-0.5, 0.5, 60), np.sin(angle)])
    half = angle / 2
    quats = np.column_stack([np.zeros(60), np.sin(half), np.zeros(60), np.cos(half)])
    return np.concatenate([matrix_from_quat_xyzw(quats), positions[..., None]], axis=2)


def disturbed(path, size):
    poses = path.copy()
    poses[..., 3] += size * np.random.default_rng(0).standard_normal((60, 3))
    return poses


def draw(estimated, true):
    errors = np.linalg.norm(estimated[..., 3] - true[..., 3], axis=-1)
    return draw_path_errors(estimated, true, errors, "spiral")


def grey(picture):
    return (picture == GREY).all(-1)


def colors(picture):
    """Pixels that are neither grey, black nor white: the estimate and the colour bar."""
    return np.ptp(picture.astype(int), axis=-1) > 60


def test_shows_both_paths(path):
    picture = draw(disturbed(path, 0.1), path)
    assert picture.shape == (660, 1320, 3) and picture.dtype == np.uint8
    left, right = np.split(picture, [640], axis=1)
    for panel in (left, right):
        assert 500 < grey(panel).sum() < 60_000
        assert colors(panel).sum() > 500


def test_a_perfect_estimate_covers_the_true_path(path):
    perfect, disturbed_ = (draw(estimate, path) for estimate in (path, disturbed(path, 0.1)))
    # Where the estimate runs elsewhere, more of the true path is seen.
    assert grey(disturbed_).sum() > 1.15 * grey(perfect).sum()
    assert np.array_equal(perfect, draw(path, path))


def test_another_world_makes_no_difference_to_what_is_seen(path):
    """The paths are turned so that up is up, however the ground truth's world lies."""
    turn = matrix_from_quat_xyzw(np.array([0.5, 0.1, -0.3, 0.8]))
    poses = turn @ path
    poses[..., 3] += [1.0, 2, 3]
    one, other = (draw(each, each) for each in (path, poses))
    different = (np.abs(one.astype(int) - other) > 16).any(-1)
    assert different.mean() < 1e-2  # edges of lines fall on other pixels
