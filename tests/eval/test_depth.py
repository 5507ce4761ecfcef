import json
import math
import tracemalloc
import weakref

import numpy as np
import pytest
from safetensors.numpy import load_file
from support import ORACLE

from page4d_cli.core.enums import Align
from page4d_cli.core.errors import EvaluationError
from page4d_cli.eval.alignment.fit import Alignment
from page4d_cli.eval.depth import (
    METRIC_KEYS,
    DepthMetrics,
    average_metrics,
    depth_metrics,
    score_depth,
)

EXPECTED = json.loads((ORACLE / "depth_metrics.json").read_text())
PUBLISHED_NAMES = {Align.SCALE_SHIFT: "scale&shift"}


def oracle_frames():
    arrays = load_file(ORACLE / "depth_metrics.safetensors")
    return list(zip(arrays["pred"], arrays["gt"], strict=True))


@pytest.mark.parametrize("clip", [None, 70])
@pytest.mark.parametrize("align", [align for align in Align if align is not Align.SCALE_SHIFT_L1])
def test_equals_the_oracle(align, clip):
    score = score_depth(oracle_frames(), [align], max_depth=EXPECTED["max_depth"], clip=clip)
    name = f"{PUBLISHED_NAMES.get(align, align.value)}|post_clip={clip}"
    expected = {key: value for key, value in EXPECTED["metrics"][name].items() if key != "δ < 1."}
    # Ten reweighted steps have not converged, and a pixel that happens to fit weighs 1e8 times as
    # much as others: the original's own result moves by 1e-5 to 1e-4 when its pixels are shuffled.
    tolerance = 1e-4 if align in (Align.SCALE, Align.SCALE_SHIFT) else 1e-6
    assert score[align].metrics.as_dict() == pytest.approx(expected, rel=tolerance)


def made_up(count=3, size=(20, 30), seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = rng.uniform(1, 10, size)
        truth[rng.random(size) < 0.2] = 0
        yield truth


def test_perfect_predictions_have_no_error():
    frames = [(truth.astype(np.float32), truth.astype(np.float32)) for truth in made_up()]
    scores = score_depth(frames, list(Align), max_depth=None)
    assert list(scores) == list(Align)
    for align, score in scores.items():
        # The small steps start at the answer and leave it by one step at most.
        limit = 1e-3 if align is Align.SCALE_SHIFT else 1e-6
        metrics = score.metrics
        errors = [metrics.abs_rel, metrics.sq_rel, metrics.rmse, metrics.log_rmse]
        assert max(errors) < limit, align
        assert (metrics.delta_1, metrics.delta_2, metrics.delta_3) == (1, 1, 1)


def test_metrics_by_hand():
    prediction = np.array([2.0, 3.0, 1.0, 8.0], np.float32)
    truth = np.array([1.0, 4.0, 1.0, 4.0])
    metrics = depth_metrics(prediction, truth, Alignment(1.0))
    assert metrics.abs_rel == pytest.approx((1 + 1 / 4 + 0 + 1) / 4)
    assert metrics.sq_rel == pytest.approx((1 + 1 / 4 + 0 + 4) / 4)
    assert metrics.rmse == pytest.approx(math.sqrt((1 + 1 + 0 + 16) / 4))
    logarithms = [math.log(2), math.log(3 / 4), 0, math.log(2)]
    assert metrics.log_rmse == pytest.approx(math.sqrt(sum(x * x for x in logarithms) / 4))
    assert (metrics.delta_1, metrics.delta_2, metrics.delta_3) == (0.25, 0.5, 0.5)
    assert metrics.valid_pixels == 4
    clipped = depth_metrics(prediction, truth, Alignment(2.0, 1.0), clip=5.0)
    assert clipped.rmse == pytest.approx(math.sqrt((16 + 1 + 4 + 1) / 4))


def test_depth_at_or_below_0_is_raised_for_logarithms_only():
    metrics = depth_metrics(np.array([-1.0], np.float32), np.array([1.0]), Alignment(1.0))
    assert metrics.abs_rel == 2 and metrics.rmse == 2
    assert metrics.log_rmse == pytest.approx(math.log(1e5))
    assert metrics.delta_3 == 0


def test_noise_gives_what_theory_says():
    rng = np.random.default_rng(0)
    truth, sigma = rng.uniform(1, 10, (400, 500)), 0.15
    z = rng.standard_normal(truth.shape)
    (relative,) = score_depth(
        [((truth * np.exp(sigma * z)), truth)], [Align.METRIC], max_depth=None
    ).values()
    assert relative.metrics.log_rmse == pytest.approx(sigma, rel=0.01)
    for power, share in enumerate(("delta_1", "delta_2", "delta_3"), start=1):
        expected = math.erf(power * math.log(1.25) / sigma / math.sqrt(2))
        assert getattr(relative.metrics, share) == pytest.approx(expected, abs=0.003)
    (added,) = score_depth([(truth + 0.1 * z, truth)], [Align.METRIC], max_depth=None).values()
    assert added.metrics.rmse == pytest.approx(0.1, rel=0.01)
    mean_inverse = float((1 / truth).mean())
    expected = 0.1 * math.sqrt(2 / math.pi) * mean_inverse
    assert added.metrics.abs_rel == pytest.approx(expected, rel=0.01)
    assert added.metrics.sq_rel == pytest.approx(0.01 * mean_inverse, rel=0.01)


def test_valid_is_above_0_and_below_the_limit():
    truth = np.array([[0.0, -1.0, 70.0, 69.0, np.nan, np.inf, 5.0]])
    prediction = np.array([[np.nan, 1, 1, 69, np.nan, 1, 5]], np.float32)
    score = score_depth([(prediction, truth)], [Align.METRIC], max_depth=70)[Align.METRIC]
    assert score.metrics.valid_pixels == 2 and score.metrics.abs_rel == 0
    prediction[0, 2] = 70
    unlimited = score_depth([(prediction, truth)], [Align.METRIC], max_depth=None)[Align.METRIC]
    assert unlimited.metrics.valid_pixels == 3 and unlimited.metrics.abs_rel == 0


def cubic_rows(count, size):
    """(size, count): what each of `count` samples adds to each of `size` (Keys, a = -0.75)."""
    weights = np.zeros((size, count))
    for row in range(size):
        place = (row + 0.5) * count / size - 0.5
        for column in range(math.floor(place) - 1, math.floor(place) + 3):
            x, a = abs(place - column), -0.75
            near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
            weights[row, min(max(column, 0), count - 1)] += near if x <= 1 else far
    return weights


def test_predictions_of_another_size_are_resized_bicubically():
    small = np.random.default_rng(0).uniform(1, 9, (5, 7)).astype(np.float32)
    truth = cubic_rows(5, 12) @ small @ cubic_rows(7, 20).T
    score = score_depth([(small, truth)], [Align.METRIC], max_depth=None)[Align.METRIC]
    assert score.metrics.valid_pixels == np.count_nonzero(truth > 0)
    assert score.metrics.abs_rel < 1e-5


def test_one_alignment_serves_all_frames():
    first, second = made_up(2)
    frames = [(first / 2, first), (second / 4, second)]
    together = score_depth(frames, [Align.LSTSQ], max_depth=None)[Align.LSTSQ]
    apart = [score_depth([frame], [Align.LSTSQ], max_depth=None)[Align.LSTSQ] for frame in frames]
    assert [each.alignment.scale for each in apart] == pytest.approx([2, 4])
    assert together.metrics.abs_rel > 0.1 > max(each.metrics.abs_rel for each in apart)


def test_negligible_depth_is_scored_as_0_if_asked_for_and_under_one_alignment_only():
    truth = next(made_up(1)) + 1
    prediction = truth.astype(np.float32)
    prediction[:4] = -3
    aligns = [Align.SCALE_SHIFT, Align.METRIC]
    as_it_is, zeroed = (
        score_depth([(prediction, truth)], aligns, max_depth=None, zeroes_negligible=zeroes)
        for zeroes in (False, True)
    )
    assert as_it_is[Align.METRIC] == zeroed[Align.METRIC]
    one, other = as_it_is[Align.SCALE_SHIFT], zeroed[Align.SCALE_SHIFT]
    assert one.alignment == other.alignment
    line = other.alignment
    expected = np.abs(line.scale * np.maximum(prediction, 0) + line.shift - truth) / truth
    assert other.metrics.abs_rel == pytest.approx(expected.mean())
    assert other.metrics.abs_rel < one.metrics.abs_rel - 0.1


def test_averages_are_weighted_by_pixels():
    one, other = (
        DepthMetrics(value, value, value, value, value, value, value, pixels)
        for value, pixels in ((0.1, 300), (0.5, 100))
    )
    mean = average_metrics([one, other])
    assert mean.abs_rel == mean.delta_3 == pytest.approx(0.2) and mean.valid_pixels == 400
    assert set(mean.as_dict()) == set(METRIC_KEYS.values())
    with pytest.raises(EvaluationError, match="nothing was scored"):
        average_metrics([])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([(np.ones((2, 2)), np.zeros((2, 2)))] * 3, "none of 3 frames has a pixel .* below 70"),
        ([], "there are no frames to score"),
        (
            [(np.ones((2, 2)), np.ones((2, 2))), (np.full((2, 2), np.nan), np.eye(2))],
            "frame 1: the prediction is not finite at 2 of 2 valid pixels",
        ),
        ([(np.ones((2, 2, 1)), np.ones((2, 2)))], r"frame 0: the prediction has shape \(2, 2, 1\)"),
        ([(np.ones((2, 2)), np.ones(4))], r"frame 0: the ground truth has shape \(4,\)"),
        ([(np.zeros((2, 2)), np.ones((2, 2)))], "the alignment 'median' gives scale nan"),
    ],
)
def test_what_cannot_be_scored_is_told(frames, message):
    with pytest.raises(EvaluationError, match=message):
        score_depth(frames, [Align.MEDIAN], max_depth=70)


def test_frames_are_let_go_one_after_another():
    alive, most = set(), 0

    def frames():
        nonlocal most
        for index, truth in enumerate(made_up(20)):
            prediction = truth.astype(np.float32)
            for name, array in (("truth", truth), ("prediction", prediction)):
                key = (name, index)
                alive.add(key)
                weakref.finalize(array, alive.discard, key)
            most = max(most, len(alive))
            yield prediction, truth
            del prediction, truth, array

    score_depth(frames(), [Align.MEDIAN], max_depth=None)
    assert most <= 4  # a pair that is made while the one before is still held


def test_memory_is_that_of_the_valid_pixels():
    """4 and 8 bytes are kept of each, and a fit takes 8 more, however large the frames are."""
    pixels = 300 * 1000

    def frames():
        rng = np.random.default_rng(0)
        for _ in range(300):
            truth = np.zeros((100, 300))
            truth.ravel()[:1000] = rng.uniform(1, 9, 1000)
            yield truth.astype(np.float32) + np.float32(0.1), truth

    tracemalloc.start()
    score_depth(frames(), [Align.METRIC, Align.SCALE, Align.SCALE_SHIFT_L1], max_depth=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Growing arrays reserve an eighth more; blocks and one frame come to 4 MB.
    assert peak < 26 * pixels + 4e6 < 0.2 * 300 * 12 * 100 * 300
