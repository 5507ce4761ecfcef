import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from page4d_cli.eval.alignment.least_absolute import fit_least_absolute

COARSE = st.integers(-6, 6).map(float)
"""Numbers that tie with one another."""
FINE = st.integers(-50_000, 50_000).map(lambda number: number / 1000)
ANY = st.floats(-50, 50, width=32)
"""Numbers of 1e-40 beside others of 50, too."""


def total(prediction, truth, scale, shift):
    return float(np.abs(truth - scale * prediction.astype(np.float64) - shift).sum())


@st.composite
def problems(draw, kinds):
    count, numbers = draw(st.integers(2, 40)), draw(st.sampled_from(kinds))
    prediction = draw(hnp.arrays(np.float32, count, elements=numbers))
    truth = draw(hnp.arrays(np.float64, count, elements=numbers))
    return prediction, truth


def is_flat(prediction):
    return prediction.min() == prediction.max()


@settings(max_examples=150, deadline=None)
@given(problems([COARSE, FINE, ANY]), st.integers(0, 2**32 - 1))
def test_no_perturbation_lowers_the_sum(problem, seed):
    prediction, truth = problem
    scale, shift = fit_least_absolute(prediction, truth)
    if is_flat(prediction):
        assert np.isnan([scale, shift]).all()
        return
    best = total(prediction, truth, scale, shift)
    rng = np.random.default_rng(seed)
    steps = np.concatenate([np.eye(2), -np.eye(2), rng.standard_normal((20, 2))])
    # A shift is a change of all residuals, a change of scale one in proportion to the prediction.
    steps[:, 0] /= np.abs(prediction).max()
    rounding = 1e-12 * (
        np.abs(truth).sum() + abs(scale) * np.abs(prediction).sum(dtype=float) + abs(shift)
    )
    for size in (1e-7, 1e-3, 1.0, 30.0):
        for step in steps * size:
            assert total(prediction, truth, scale + step[0], shift + step[1]) >= best - rounding


@settings(max_examples=60, deadline=None)
@given(problems([COARSE, FINE]))
def test_equals_a_linear_programme(problem):
    prediction, truth = problem
    if is_flat(prediction):
        return
    count = len(truth)
    design = np.column_stack([prediction, np.ones(count)]).astype(np.float64)
    result = linprog(
        np.concatenate([[0, 0], np.ones(count)]),
        A_ub=np.block([[design, -np.eye(count)], [-design, -np.eye(count)]]),
        b_ub=np.concatenate([truth, -truth]),
        bounds=[(None, None)] * 2 + [(0, None)] * count,
    )
    assert result.status == 0
    mine = total(prediction, truth, *fit_least_absolute(prediction, truth))
    assert mine <= result.fun + 1e-6 * (1 + np.abs(truth).sum())


@pytest.mark.parametrize("count", [1000, 400_000])
def test_the_conditions_of_a_minimum_hold_for_many_pixels(count):
    """0 lies between the lowest and the highest slope in s and in t."""
    rng = np.random.default_rng(count)
    prediction = rng.gamma(2, 1, count).astype(np.float32)
    truth = np.round(2.5 * prediction + 0.3 + rng.standard_t(2, count) * 0.2, 4)
    scale, shift = fit_least_absolute(prediction, truth)
    residual = truth - scale * prediction.astype(np.float64) - shift
    on_line = np.abs(residual) < 1e-9
    assert 2 <= on_line.sum() < 10
    sign = np.where(on_line, 0, np.sign(residual))
    assert abs(sign.sum()) <= on_line.sum()
    assert abs(sign @ prediction) <= prediction[on_line].sum()
    assert (scale, shift) == pytest.approx((2.5, 0.3), abs=0.03)


@pytest.mark.parametrize("offset", [0, -100])
def test_negative_predictions_make_no_difference(offset):
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 50, 500).astype(np.float32)
    truth = 0.5 * prediction + rng.standard_normal(500)
    scale, shift = fit_least_absolute(prediction + np.float32(offset), truth)
    expected = fit_least_absolute(prediction, truth)
    assert scale == pytest.approx(expected[0], rel=1e-12)
    assert shift + scale * offset == pytest.approx(expected[1], abs=1e-9)


def test_two_points_are_met():
    scale, shift = fit_least_absolute(np.array([1, 3], np.float32), np.array([5.0, 1.0]))
    assert scale + shift == pytest.approx(5) and 3 * scale + shift == pytest.approx(1)


def test_most_points_on_a_line_are_met_exactly():
    prediction = np.arange(10, dtype=np.float32)
    truth = 3.0 * prediction + 1
    truth[[2, 5, 7]] = [100, -40, 8]
    assert fit_least_absolute(prediction, truth) == (3.0, 1.0)
