"""An order of many things: a bijection, the same for the same state, and without a pattern."""

import time

import numpy as np
import pytest

from page4d_cli.train.permutation import permuted


def order(count: int, seed: int = 0) -> np.ndarray:
    return permuted(np.arange(count), count, np.random.default_rng(seed))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, 17, 96, 255, 1000, 65537])
def test_every_thing_has_one_place(count: int) -> None:
    assert np.array_equal(np.sort(order(count)), np.arange(count))


def test_a_place_does_not_depend_on_what_else_is_asked() -> None:
    whole = order(5000, seed=3)
    some = np.array([17, 4999, 0, 256])
    alone = permuted(some, 5000, np.random.default_rng(3))
    assert np.array_equal(alone, whole[some])


def test_orders_look_random() -> None:
    """First places are even over the things; neighbours are as far apart as chance has them."""
    firsts = [int(permuted(np.array([0]), 10, np.random.default_rng(s))[0]) for s in range(5000)]
    assert np.bincount(firsts, minlength=10) == pytest.approx(np.full(10, 500), rel=0.2)
    steps = np.abs(np.diff(order(100_000)))
    assert steps.mean() == pytest.approx(100_000 / 3, rel=0.02)
    assert not np.array_equal(order(100, 0), order(100, 1))


def test_the_cost_is_that_of_the_places() -> None:
    """A list of so many things would not fit into memory."""
    begin = time.perf_counter()
    places = permuted(np.arange(16), 10**15, np.random.default_rng(0))
    assert time.perf_counter() - begin < 0.5
    assert len(set(places.tolist())) == 16 and places.max() < 10**15
