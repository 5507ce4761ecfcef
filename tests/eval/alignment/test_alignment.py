import numpy as np
import pytest
import torch

from page4d_cli.core.enums import Align
from page4d_cli.core.errors import EvaluationError
from page4d_cli.eval.alignment.fit import MIN_SCALE, Alignment, fit_alignment

SCALE_ONLY = [Align.MEDIAN, Align.SCALE]
WITH_SHIFT = [Align.SCALE_SHIFT_L1, Align.LSTSQ]


@pytest.fixture
def truth():
    return np.random.default_rng(0).uniform(1, 10, 5000)


@pytest.mark.parametrize("align", SCALE_ONLY + WITH_SHIFT)
@pytest.mark.parametrize("scale", [0.02, 0.7, 300.0])
def test_a_known_scale_is_undone(truth, align, scale):
    alignment = fit_alignment(align, (truth / scale).astype(np.float32), truth)
    assert alignment.scale == pytest.approx(scale, rel=1e-6)
    assert alignment.shift == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("align", WITH_SHIFT)
@pytest.mark.parametrize(("scale", "shift"), [(0.02, 0.4), (2.0, -3.0), (-1.5, 12.0), (40.0, 0.9)])
def test_a_known_scale_and_shift_are_undone(truth, align, scale, shift):
    alignment = fit_alignment(align, ((truth - shift) / scale).astype(np.float32), truth)
    assert alignment.scale == pytest.approx(scale, rel=1e-5)
    assert alignment.shift == pytest.approx(shift, rel=1e-5)


def test_small_steps_undo_what_is_within_their_reach(truth):
    prediction = ((truth - 0.03) / 1.02).astype(np.float32)
    alignment = fit_alignment(Align.SCALE_SHIFT, prediction, truth)
    assert np.abs(alignment.scale * prediction + alignment.shift - truth).mean() < 2e-3
    far = fit_alignment(Align.SCALE_SHIFT, (truth - 0.9).astype(np.float32), truth)
    assert abs(far.shift) < 0.2  # of 0.9


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.01), (1.0, 0.9), (3.0, -0.2), (0.1, 0.02)])
def test_small_steps_are_those_of_torch(truth, scale, shift):
    """Torch's Adam on the same sum, every residual looked at in every step."""
    noise = np.random.default_rng(1).standard_normal(truth.shape)
    prediction = ((truth * np.exp(0.1 * noise) - shift) / scale).astype(np.float32)
    p, g = torch.from_numpy(prediction).double(), torch.from_numpy(truth)
    line = torch.tensor([(g.median() / p.median()).item(), 0], dtype=torch.float64)
    line.requires_grad_()
    adam, before = torch.optim.Adam([line], lr=1e-4), np.inf
    for _ in range(1000):
        loss = (line[0] * p + line[1] - g).abs().sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if abs(before - loss.item()) < 1e-6:
            break
        before = loss.item()
    alignment = fit_alignment(Align.SCALE_SHIFT, prediction, truth)
    expected = pytest.approx(tuple(line.tolist()), abs=1e-5)
    assert (alignment.scale, alignment.shift) == expected


def test_of_two_middle_values_the_lower_one_counts():
    """As `torch.median` has it, by which the published numbers were made."""
    prediction = np.array([4, 1, 8, 2], np.float32)
    truth = np.array([30.0, 90.0, 10.0, 50.0])
    assert fit_alignment(Align.MEDIAN, prediction, truth).scale == 30 / 2


def test_metric_leaves_everything_as_it_is(truth):
    assert fit_alignment(Align.METRIC, truth.astype(np.float32) / 3, truth) == Alignment(1.0, 0.0)


def test_outliers_pull_least_squares_and_not_least_absolute_deviations(truth):
    prediction = ((truth - 1) / 2).astype(np.float32)
    spoilt = truth.copy()
    spoilt[::10] = 60
    robust = fit_alignment(Align.SCALE_SHIFT_L1, prediction, spoilt)
    assert (robust.scale, robust.shift) == pytest.approx((2, 1), rel=1e-5)
    pulled = fit_alignment(Align.LSTSQ, prediction, spoilt)
    assert pulled.shift > 4


def test_least_squares_is_numpys(truth):
    rng = np.random.default_rng(1)
    prediction = (truth + rng.standard_normal(truth.shape)).astype(np.float32)
    alignment = fit_alignment(Align.LSTSQ, prediction, truth)
    expected = np.polyfit(prediction.astype(np.float64), truth, 1)
    assert (alignment.scale, alignment.shift) == pytest.approx(tuple(expected), rel=1e-9)


def test_reweighting_comes_close_to_the_best_scale(truth):
    rng = np.random.default_rng(1)
    prediction = (truth * np.exp(0.2 * rng.standard_normal(truth.shape))).astype(np.float32)
    scale = fit_alignment(Align.SCALE, prediction, truth).scale

    def total(scale):
        return np.abs(scale * prediction - truth).sum()

    best = min(total(each) for each in np.linspace(0.5, 1.5, 1001))
    assert total(scale) < 1.001 * best


def test_a_scale_below_the_limit_is_raised(truth):
    assert fit_alignment(Align.SCALE, (truth * 1e5).astype(np.float32), truth).scale == MIN_SCALE


@pytest.mark.parametrize("align", WITH_SHIFT)
def test_a_flat_prediction_has_no_line(truth, align):
    flat = np.full(truth.shape, 2, np.float32)
    with pytest.raises(EvaluationError, match=f"'{align.value}' gives scale nan .*same everywhere"):
        fit_alignment(align, flat, truth)


@pytest.mark.parametrize("align", [Align.MEDIAN, Align.SCALE, Align.SCALE_SHIFT])
def test_an_empty_prediction_has_no_scale(truth, align):
    with pytest.raises(EvaluationError, match=f"'{align.value}' gives scale nan"):
        fit_alignment(align, np.zeros(truth.shape, np.float32), truth)


@pytest.mark.parametrize("align", Align)
def test_no_pixels_are_told(align):
    with pytest.raises(EvaluationError, match="no pixel has valid ground truth"):
        fit_alignment(align, np.zeros(0, np.float32), np.zeros(0))
