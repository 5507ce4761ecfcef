import numpy as np
from matplotlib import colormaps

from page4d_cli.draw.colormaps import NON_FINITE_RGB
from page4d_cli.draw.heat_map import draw_map, enlarged, overlay, range_of_map


def test_smallest_and_largest_value_are_the_ends_of_the_scale():
    map_ = np.array([[3.0, 3.0], [7.0, 7.0]], np.float32)
    picture = draw_map(map_, (24, 24), "YlOrRd", None)
    ends = (np.array(colormaps["YlOrRd"]([0.0, 1.0]))[:, :3] * 255).round()
    assert np.abs(picture[0, 0] - ends[0]).max() <= 1
    assert np.abs(picture[-1, -1] - ends[1]).max() <= 1


def test_a_constant_map_has_the_color_in_the_middle():
    picture = draw_map(np.full((2, 3), 1e8, np.float32), (6, 4), "gray", None)
    assert np.abs(picture.astype(int) - 127).max() <= 1
    assert range_of_map(np.full((2, 2), np.nan, np.float32)) == (0.0, 1.0)


def test_enlarging_is_bilinear():
    map_ = np.array([[0.0, 1.0]], np.float32)
    row = enlarged(map_, (24, 12))[0]
    assert row[0] == 0 and row[-1] == 1
    np.testing.assert_allclose(np.diff(row[6:18]), 1 / 12, atol=1e-6)


def test_components_share_the_clips_scale_and_what_is_not_finite_is_grey():
    maps = np.zeros((2, 2, 3), np.float32)
    maps[0, 0] = (1, 0.5, 0)
    maps[1, 1] = np.nan
    picture = draw_map(maps, (2, 2), "unused", [(0, 1)] * 3)
    assert picture[0, 0].tolist() == [255, 128, 0]
    assert picture[1, 1].tolist() == list(NON_FINITE_RGB)


def test_the_overlay_has_the_size_of_the_heat_map_and_shows_the_frame():
    heat = np.full((20, 30, 3), 200, np.uint8)
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[:, 30:] = 255
    laid = overlay(heat, frame)
    assert laid.shape == heat.shape and laid[5, 2, 0] < laid[5, -2, 0]
