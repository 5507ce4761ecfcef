import numpy as np
import pytest

from page4d_cli.draw import colormaps
from page4d_cli.draw.colormaps import DEPTH, NON_FINITE_RGB, colorise, robust_range


def test_ends_of_the_range_are_ends_of_the_map_and_all_beyond_is_clipped():
    colors = colorise(np.array([[-9.0, 1.0, 2.0, 3.0, 1e30]]), 1, 3, DEPTH)
    np.testing.assert_array_equal(colors[0, 0], colors[0, 1])
    np.testing.assert_array_equal(colors[0, 3], colors[0, 4])
    assert len({tuple(color) for color in colors[0]}) == 3


def test_larger_values_are_brighter():
    ramp = colorise(np.linspace(0, 1, 64, dtype=np.float32)[None], 0, 1, DEPTH)[0]
    luma = ramp @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(luma) > 0).all()


def test_the_highest_value_is_warm_and_the_lowest_dark():
    low, high = colorise(np.array([[0.0, 1.0]]), 0, 1, DEPTH)[0].astype(int)
    assert high[0] > high[2]
    assert low.sum() < 20


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_a_grey_of_its_own(bad):
    assert tuple(colorise(np.full((1, 1), bad), 0, 1, DEPTH)[0, 0]) == NON_FINITE_RGB
    ramp = colorise(np.linspace(0, 1, 1000)[None], 0, 1, DEPTH)
    assert np.abs(ramp.astype(int) - NON_FINITE_RGB).max(axis=-1).min() > 20


@pytest.mark.parametrize("shape", [(2, 3), (5, 2, 3), (1, 5, 2, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_leading_axes_are_kept(shape, dtype):
    values = np.random.default_rng(0).uniform(0, 1, shape).astype(dtype)
    colors = colorise(values, 0, 1, DEPTH)
    assert colors.shape == (*shape, 3)
    assert colors.dtype == np.uint8
    np.testing.assert_array_equal(
        colors[..., 0, 0, :], colorise(values[..., :1, :1], 0, 1, DEPTH)[..., 0, 0, :]
    )


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (np.nan, 1)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(ValueError, match="expected low < high"):
        colorise(np.zeros((1, 1)), low, high, DEPTH)


def test_robust_range_is_the_percentiles_of_the_whole_clip():
    maps = np.random.default_rng(0).uniform(0, 100, (4, 200, 300)).astype(np.float32)
    low, high = robust_range(iter(maps))
    assert low == pytest.approx(2, abs=1)
    assert high == pytest.approx(98, abs=1)


def test_robust_range_of_small_maps_is_exact():
    maps = np.arange(101.0).reshape(1, 101)
    assert robust_range([maps]) == pytest.approx((2, 98))


def test_robust_range_ignores_what_is_not_finite_and_few_outliers():
    values = np.full((100, 100), 5.0)
    values[::2] = 6.0
    values[0, :50], values[1, :50], values[2, :20] = np.nan, np.inf, 1e9
    assert robust_range([values]) == pytest.approx((5, 6))


@pytest.mark.parametrize("value", [0.0, 7.0, -7.0, 1e-30, 3e38])
def test_robust_range_of_a_constant_clip_is_narrow_but_not_empty(value):
    low, high = robust_range([np.full((4, 4), value, np.float32)])
    assert low < value < high
    colorise(np.full((4, 4), value, np.float32), low, high, DEPTH)


@pytest.mark.parametrize("maps", [[], [np.full((3, 3), np.nan)]])
def test_robust_range_without_values(maps):
    assert robust_range(maps) == (0, 1)


def test_robust_range_keeps_few_values_of_a_large_map():
    columns = np.broadcast_to(np.arange(2000.0), (1000, 2000))  # a stride along rows would alias
    low, high = robust_range([columns])
    assert (low, high) == (pytest.approx(40, abs=40), pytest.approx(1960, abs=40))


def test_robust_range_of_a_long_clip_keeps_no_more_and_looks_at_all_of_it(monkeypatch):
    monkeypatch.setattr(colormaps, "_MOST_SAMPLES", 5_000)
    maps = (np.full((40, 50), float(index)) for index in range(101))
    assert robust_range(maps) == pytest.approx((2, 98), abs=2)
