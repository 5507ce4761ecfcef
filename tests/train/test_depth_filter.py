"""The percentile filter: the original's counts, and what is better about ours."""

import numpy as np
import pytest

from page4d_cli.core.errors import InputError
from page4d_cli.train.depth_filter import DepthFilterOptions, filter_depth

ORIGINAL = DepthFilterOptions(count_invalid=True)


def sparse_map(valid: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    depth = np.zeros(1280 * 1920, np.float32)
    depth[rng.permutation(depth.size)[:valid]] = rng.uniform(2, 75, valid)
    return depth.reshape(1280, 1920)


def test_the_original_keeps_all_of_few_pixels() -> None:
    depth = sparse_map(35_000)
    np.testing.assert_array_equal(filter_depth(depth, ORIGINAL), depth)


def test_the_original_loses_most_of_some_more_pixels() -> None:
    kept = filter_depth(sparse_map(80_000), ORIGINAL)
    assert (kept > 0).sum() == 30_848
    assert kept.max() == pytest.approx(30.05, abs=0.4)


def test_valid_pixels_alone_decide() -> None:
    depth = sparse_map(80_000)
    kept = filter_depth(depth, DepthFilterOptions())
    assert (kept > 0).sum() == pytest.approx(0.97 * 80_000, abs=2)
    assert kept.max() == pytest.approx(2 + 0.98 * 73, abs=0.2)
    assert kept[kept > 0].min() == pytest.approx(2 + 0.01 * 73, abs=0.2)
    np.testing.assert_array_equal(kept[kept > 0], depth[kept > 0])


def test_far_depths_go_before_the_percentiles_are_taken() -> None:
    depth = np.array([[1, 2, 3, 1000, 1000, 1000]], np.float32)
    options = DepthFilterOptions(low_percent=0, high_percent=100, max_depth=3)
    assert filter_depth(depth, options).tolist() == [[1, 2, 3, 0, 0, 0]]


def test_invalid_depths_become_zero_and_the_input_stays() -> None:
    depth = np.array([[np.nan, np.inf, -1, 0, 1e-9, 2, 2]], np.float32)
    before = depth.copy()
    for options in (DepthFilterOptions(), ORIGINAL):
        kept = filter_depth(depth, options)
        assert kept.dtype == np.float32
        assert np.isfinite(kept).all()
    assert filter_depth(depth, DepthFilterOptions()).tolist() == [[0, 0, 0, 0, 0, 2, 2]]
    np.testing.assert_array_equal(depth, before)


def test_a_map_without_depth_stays_empty() -> None:
    depth = np.zeros((3, 4), np.float32)
    assert not filter_depth(depth, DepthFilterOptions()).any()


def test_percentiles_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(InputError, match="percentiles 98 and 2"):
        DepthFilterOptions(low_percent=98, high_percent=2)


@pytest.mark.parametrize("size", [1, 2, 3, 100, 101, 997])
@pytest.mark.parametrize("percents", [(0, 100), (1, 98), (2.5, 50)])
def test_percentiles_are_numpys(size: int, percents: tuple[float, float]) -> None:
    depth = np.random.default_rng(size).uniform(0.1, 9, (1, size)).astype(np.float32)
    low, high = np.percentile(depth.astype(np.float64), percents)
    kept = filter_depth(depth, DepthFilterOptions(*percents))
    np.testing.assert_array_equal(kept, np.where((depth >= low) & (depth <= high), depth, 0))
