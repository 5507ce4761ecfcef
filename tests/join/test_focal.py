from dataclasses import replace

import numpy as np
from box_windows import K, spans, walk, window_of

from page4d_cli.core.enums import Focal
from page4d_cli.join.focal import joined_intrinsics
from page4d_cli.join.join import join_windows

PATH = walk(30)
FACTORS = np.array([0.98, 1.0, 1.05])
WINDOWS = [
    replace(window, intrinsics=window.intrinsics * [[[factor], [factor], [1]]])
    for window, factor in zip([window_of(PATH, i) for i in spans(30, 15, 5)], FACTORS, strict=False)
]


def test_one_focal_length_is_the_median():
    found = joined_intrinsics(WINDOWS, join_windows(WINDOWS), Focal.ONE)
    np.testing.assert_allclose(found, np.repeat(WINDOWS[1].intrinsics[:1], 30, 0))


def test_free_ones_are_each_window_s_and_change_bit_by_bit():
    found = joined_intrinsics(WINDOWS, join_windows(WINDOWS), Focal.FREE)[:, 0, 0] / K[0, 0]
    np.testing.assert_allclose(found[:10], 0.98)
    np.testing.assert_allclose(found[-5:], 1.05)
    assert (np.diff(found) >= -1e-12).all() and np.abs(np.diff(found)).max() < 0.02
