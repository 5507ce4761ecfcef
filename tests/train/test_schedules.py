"""Schedules at the points where the original was evaluated."""

import json

import pytest
from support import ORACLE
from train_support import released_rate

from page4d_cli.core.errors import InputError
from page4d_cli.train.schedules import Curve, MaskSchedule, Piece, Schedule

MASK = json.loads((ORACLE / "mask_schedule.json").read_text())
PROGRESS = (0, 0.01, 0.05, 0.10, 0.15, 0.50, 0.99)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (
            released_rate(2e-5, 0.15),
            (1e-8, 1.3427e-6, 6.6733e-6, 1.33367e-5, 2e-5, 1.27403e-5, 1.6826e-8),
        ),
        (
            released_rate(1e-5, 0.05),
            (1e-8, 2.008e-6, 1e-5, 9.93187e-6, 9.72936e-6, 5.41748e-6, 1.2731e-8),
        ),
    ],
    ids=["mask head", "blocks"],
)
def test_learning_rates_of_the_released_recipe(
    schedule: Schedule, expected: tuple[float, ...]
) -> None:
    assert [schedule(w) for w in PROGRESS] == pytest.approx(expected, rel=5e-5)


def test_the_end_and_what_lies_beyond() -> None:
    schedule = released_rate(2e-5, 0.15)
    assert schedule(1.0) == schedule(1.5) == pytest.approx(1e-8)
    assert schedule(-1.0) == 1e-8


def test_a_piece_takes_over_a_little_before_its_start() -> None:
    steps = Schedule((Piece(Curve.LINEAR, 1, 1, 0.25), Piece(Curve.LINEAR, 2, 3, 0.75)))
    assert steps(0.25 - 2e-6) == 1
    assert steps(0.25 - 5e-7) == 2
    assert steps(0.25) == 2
    assert steps(0.625) == pytest.approx(2.5)


def test_schedules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match=r"lengths \[0.5, 0.4\]: all above 0, 1 in total"):
        Schedule((Piece(Curve.LINEAR, 0, 1, 0.5), Piece(Curve.COSINE, 1, 0, 0.4)))
    with pytest.raises(InputError, match="lengths"):
        Schedule(())


@pytest.mark.parametrize("step", MASK["alpha"])
def test_mask_strength_equals_the_original(step: str) -> None:
    strength = MaskSchedule(MASK["hold"], MASK["end"])(int(step))
    assert strength == pytest.approx(MASK["alpha"][step], abs=1e-15)


def test_mask_schedules_without_a_slope() -> None:
    assert MaskSchedule(0, 0)(0) == MASK["hold0_end0"]
    assert [MaskSchedule(5, 5)(step) for step in range(8)] == MASK["hold5_end5"]


def test_mask_schedules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="hold 9, end 5"):
        MaskSchedule(9, 5)
