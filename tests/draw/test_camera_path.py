from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from page4d_cli.draw.camera_path import draw_camera_path

FIRST, LAST = np.array([68, 1, 84]), np.array([253, 231, 37])
"""Ends of viridis, the colours of the first and the last camera and their arrows."""
RED = np.array([214, 39, 40])  # of the mark at the start


def path_along(*steps):
    """Poses that move by these steps and look ahead."""
    poses = np.tile(np.eye(3, 4), (len(steps) + 1, 1, 1))
    poses[1:, :, 3] = np.cumsum(np.reshape(steps, (-1, 3)), axis=0)
    return poses


def draw(poses):
    return draw_camera_path(poses, range(len(poses))).astype(int)


def dots(picture, color, half):
    """Middle (x, y), in shares of the picture, of the pixels of a colour in one of the halves."""
    width = picture.shape[1]
    rows, columns = np.nonzero(np.abs(picture - color).max(-1) < 25)
    mine = (columns < width // 2) if half == "above" else (columns >= width // 2)
    mine &= columns < 0.92 * width  # without the colour bar
    return columns[mine].mean() / width, rows[mine].mean() / len(picture)


def test_forward_is_up_from_above_and_right_from_the_side():
    picture = draw(path_along([0, 0, 0.1], [0, 0, 1]))
    x, y = np.subtract(dots(picture, LAST, "above"), dots(picture, FIRST, "above"))
    assert abs(x) < 0.02 and y < -0.2
    x, y = np.subtract(dots(picture, LAST, "side"), dots(picture, FIRST, "side"))
    assert x > 0.15 and abs(y) < 0.02


def test_right_is_right_from_above_and_down_is_down_from_the_side():
    picture = draw(path_along([0.1, 0.1, 0], [1, 1, 0]))
    x, y = np.subtract(dots(picture, LAST, "above"), dots(picture, FIRST, "above"))
    assert x > 0.15 and abs(y) < 0.05
    x, y = np.subtract(dots(picture, LAST, "side"), dots(picture, FIRST, "side"))
    assert abs(x) < 0.05 and y > 0.2


def test_the_arrow_points_where_the_camera_looks():
    ahead, to_the_right = np.eye(3, 4)[None], np.zeros((1, 3, 4))
    to_the_right[0, :, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]  # its z is the world's x
    half = slice(None, 1320 // 2)
    for poses, along_x in ((ahead, False), (to_the_right, True)):
        picture = draw(poses)[:, half]
        rows, columns = np.nonzero(np.abs(picture - FIRST).max(-1) < 25)
        assert (np.ptp(columns) > np.ptp(rows)) == along_x


def test_the_start_is_ringed():
    picture = draw(path_along([0, 0, 0.5], [0, 0, 0.5]))
    ring, first = dots(picture, RED, "side"), dots(picture, FIRST, "side")
    assert ring[1] == pytest.approx(first[1], abs=0.01)
    assert 0 < first[0] - ring[0] < 0.05  # the arrow draws the mean of its colour ahead


@pytest.mark.parametrize(
    "poses",
    [
        path_along(),
        path_along(*[[0, 0, 0]] * 3),
        path_along(*[[1e-7, 0, 0]] * 3) + np.eye(3, 4, 3) * 5,
        path_along([1e30, -1e30, 1e30]),
        path_along(*[[0.1, 0, 0.2]] * 300).astype(np.float32),
    ],
    ids=["one", "standing", "far away", "huge", "long"],
)
def test_every_path_makes_a_picture_of_one_size(poses):
    assert draw(poses).shape == (672, 1320, 3)


def test_it_is_the_same_in_every_thread():
    poses = path_along(*[[0.1, 0, 0.2]] * 5)
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: draw(poses), range(4)))
    assert all((picture == pictures[0]).all() for picture in pictures)


@pytest.mark.parametrize(
    ("poses", "count"),
    [(path_along(), 2), (np.empty((0, 3, 4)), 0), (path_along()[:, :, :3], 1), ([[[np.nan]]], 1)],
)
def test_what_is_no_path(poses, count):
    with pytest.raises(ValueError, match="expected finite"):
        draw_camera_path(np.asarray(poses), range(count))
