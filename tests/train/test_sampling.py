"""Clip windows against the original's examples; plans of batches by their laws."""

from collections import Counter

import numpy as np
import pytest
import torch

from page4d_cli.core.errors import InputError
from page4d_cli.train.sampling import (
    BatchOptions,
    FrameOrder,
    Placing,
    WindowOptions,
    draw_neighbours,
    draw_window,
    grow_window,
    plan_batch,
)

FRAMES = range(24)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("pair", "count", "frames"),
    [
        ((4, 5), 8, (4, 5, 6, 7, 8, 9, 10, 11)),
        ((20, 21), 8, (16, 17, 18, 19, 20, 21, 22, 23)),
        ((4, 8), 8, (0, 4, 8, 12, 16, 20, 20, 20)),
        ((4, 8), 3, (4, 8, 12)),
        ((4, 8), 1, (8,)),
    ],
)
def test_a_window_grows_as_in_the_original(
    pair: tuple[int, int], count: int, frames: tuple[int, ...]
) -> None:
    assert grow_window(FRAMES, pair, count) == frames


@pytest.mark.parametrize("pair", [(5, 4), (4, 4), (4, 99)])
def test_a_pair_must_be_of_the_sequence(pair: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{pair[0]}, {pair[1]} are no two ascending frames"):
        grow_window(FRAMES, pair, 8)


def test_drawn_windows_reach_every_position_and_stride_equally() -> None:
    options, rng = WindowOptions(strides=(1, 2)), generator()
    drawn = Counter(draw_window(range(10), 4, options, rng) for _ in range(6000))
    single = [window for window in drawn if window[1] - window[0] == 1]
    assert len(single) == 7  # starts 0 to 6
    assert len(drawn) == 7 + 4  # two lanes of five frames
    for window, times in drawn.items():
        share = 1 / 2 / (7 if window in single else 4)
        assert times / 6000 == pytest.approx(share, abs=0.02)


def test_a_window_follows_the_lanes_of_frames_that_exist() -> None:
    numbers = [0, 3, 6, 7, 9, 12]
    options, rng = WindowOptions(strides=(3,)), generator()
    drawn = {draw_window(numbers, 4, options, rng) for _ in range(50)}
    assert drawn == {(0, 3, 6, 9), (3, 6, 9, 12)}


def test_a_short_sequence_is_taken_at_a_smaller_stride_before_frames_repeat() -> None:
    options = WindowOptions(strides=(4, 8))
    windows = [draw_window(range(12), 6, options, generator(seed)) for seed in range(30)]
    assert set(windows) == {(0, 2, 4, 6, 8, 10), (1, 3, 5, 7, 9, 11)}

    too_short = draw_window(range(5), 7, options, generator())
    assert too_short == (0, 1, 2, 3, 4, 4, 4)


def test_the_original_draws_a_pair_and_grows_it() -> None:
    options, rng = WindowOptions(strides=(1, 4), placing=Placing.GROWN), generator()
    drawn = Counter(draw_window(range(9), 3, options, rng) for _ in range(4000))
    assert (0, 4, 8) in drawn
    # The last run of each stride is where the pairs end that cannot grow to the right.
    assert drawn[6, 7, 8] == pytest.approx(2 * drawn[0, 1, 2], rel=0.2)
    assert drawn[1, 5, 5] > 0
    alone = WindowOptions(strides=(9,), placing=Placing.GROWN)
    assert draw_window(range(4), 2, alone, rng) in {(0, 3)}


def test_a_sequence_without_frames_is_refused() -> None:
    with pytest.raises(InputError, match="without frames"):
        draw_window([], 2, WindowOptions(), generator())
    with pytest.raises(InputError, match="clip of 0 frames"):
        draw_window(FRAMES, 0, WindowOptions(), generator())
    with pytest.raises(InputError, match=r"strides \[0\]"):
        WindowOptions(strides=(0,))


def test_orders() -> None:
    rng = generator()

    def draw(order: FrameOrder) -> set[tuple[int, ...]]:
        options = WindowOptions(order=order)
        return {draw_window(range(4), 4, options, rng) for _ in range(300)}

    assert draw(FrameOrder.TEMPORAL) == {(0, 1, 2, 3)}
    assert draw(FrameOrder.RANDOM_REFERENCE) == {
        (0, 1, 2, 3),
        (1, 0, 2, 3),
        (2, 0, 1, 3),
        (3, 0, 1, 2),
    }
    assert len(draw(FrameOrder.SHUFFLED)) == 24


@pytest.mark.parametrize(
    ("images", "size"),
    [(2, 16), (3, 10), (4, 8), (5, 6), (6, 5), (7, 4), (8, 4), (9, 3), (11, 2), (16, 2), (40, 1)],
)
def test_batch_size_follows_the_number_of_images(images: int, size: int) -> None:
    assert BatchOptions().batch_size(images) == size


def test_a_plan_follows_from_its_key_alone() -> None:
    def plan(seed: int, epoch: int, index: int):
        return plan_batch(
            BatchOptions(), samples=1000, ranks=2, seed=seed, epoch=epoch, index=index
        )

    plans = {key: plan(*key) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 9)]}
    assert len({str(one.ranks) for one in plans.values()}) == len(plans)
    for key in reversed(plans):
        assert plan(*key) == plans[key]


def test_shapes_are_even_over_their_ranges() -> None:
    options = BatchOptions(images_per_sample=(2, 5), max_images=12, aspect=(0.4, 0.6))
    plans = [
        plan_batch(options, samples=500, ranks=1, seed=0, epoch=e, index=i)
        for e in range(20)
        for i in range(100)
    ]
    counts = Counter(plan.images_per_sample for plan in plans)
    assert sorted(counts) == [2, 3, 4, 5]
    assert max(counts.values()) < 1.25 * min(counts.values())
    aspects = np.array([plan.aspect for plan in plans])
    assert set((aspects * 100).round(6)) == set(range(40, 61))
    assert aspects.mean() == pytest.approx(0.5, abs=0.01)
    for plan in plans:
        assert len(plan.ranks[0]) == 12 // plan.images_per_sample


def test_ranks_are_disjoint_and_a_pass_repeats_nothing() -> None:
    options = BatchOptions(images_per_sample=(2, 4), max_images=8)
    seen: list[int] = []
    for index in range(8):  # 8 · 3 ranks · 4 samples at most
        plan = plan_batch(options, samples=96, ranks=3, seed=5, epoch=1, index=index)
        assert len({len(rank) for rank in plan.ranks}) == 1
        seen += [sample.index for rank in plan.ranks for sample in rank]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(96))


def test_with_one_size_every_pass_takes_every_sample_once() -> None:
    options = BatchOptions(images_per_sample=(4, 4), max_images=8)
    passes = []
    for first in (0, 6):
        plans = [
            plan_batch(options, samples=24, ranks=2, seed=0, epoch=0, index=first + i)
            for i in range(6)
        ]
        passes.append([s.index for plan in plans for rank in plan.ranks for s in rank])
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(24))
    assert passes[0] != passes[1]


def test_two_ranks_take_together_what_one_with_twice_the_room_takes() -> None:
    both = plan_batch(
        BatchOptions((2, 4), max_images=12), samples=99, ranks=2, seed=0, epoch=0, index=3
    )
    alone = plan_batch(
        BatchOptions((2, 4), max_images=24), samples=99, ranks=1, seed=0, epoch=0, index=3
    )
    assert both.ranks[0] + both.ranks[1] == alone.ranks[0]


def test_few_samples_repeat_with_other_seeds() -> None:
    options = BatchOptions(images_per_sample=(2, 2), max_images=10)
    plan = plan_batch(options, samples=3, ranks=2, seed=0, epoch=0, index=4)
    chosen = [sample for rank in plan.ranks for sample in rank]
    assert Counter(sample.index for sample in chosen).most_common()[-1][1] >= 3
    assert len({sample.seed for sample in chosen}) == 10
    torch.Generator().manual_seed(max(sample.seed for sample in chosen))


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="no samples"):
        plan_batch(BatchOptions(), samples=0, ranks=1, seed=0, epoch=0, index=0)
    with pytest.raises(InputError, match="images_per_sample 5 to 2"):
        BatchOptions(images_per_sample=(5, 2))
    with pytest.raises(InputError, match="max_images 0"):
        BatchOptions(max_images=0)
    with pytest.raises(InputError, match="aspect 0 to 1"):
        BatchOptions(aspect=(0.0, 1.0))


def test_neighbours_are_as_many_as_wanted_anywhere_and_the_same_again() -> None:
    drawn = [draw_neighbours(5, 2, seed=1, step=step) for step in range(200)]
    assert {one.start for one in drawn} == {0, 1, 2, 3}
    assert all(one.stop - one.start == 2 for one in drawn)
    assert drawn == [draw_neighbours(5, 2, seed=1, step=step) for step in range(200)]
    assert draw_neighbours(3, 9, seed=1, step=0) == slice(0, 3)
