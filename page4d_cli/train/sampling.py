"""What a batch shows: its shape, the samples of every rank, and the frames of a clip.

Everything follows from a seed and a counter, so that a resumed run needs no saved state and all
ranks agree without talking to one another.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import InputError

# Streams of random numbers that must never meet, each keyed by (seed, stream, …).
_SHAPES, _PERMUTATIONS, _NEIGHBOURS = 0, 1, 2


class FrameOrder(str, Enum):
    """In which order a clip's frames are shown; the first is the reference, the world's frame."""

    TEMPORAL = "temporal"
    """Ascending: the reference is always the earliest frame, as in the original."""
    RANDOM_REFERENCE = "random-reference"
    """Any frame first, the others ascending."""
    SHUFFLED = "shuffled"
    """Any order."""


class Placing(str, Enum):
    """Where in a sequence a clip lies."""

    EVEN = "even"
    """Every run of distinct frames at one stride is as likely as any other at that stride."""
    GROWN = "grown"
    """The original's way, see `grow_window`: clips pile up at the ends of the sequence, and frames
    repeat where too few lie at the stride drawn."""
    SCATTERED = "scattered"
    """Any distinct frames of the sequence, whatever their distances, for things that stand still;
    strides do not count."""


@dataclass(frozen=True)
class WindowOptions:
    """Which frames of a sequence make a clip."""

    strides: tuple[int, ...] = (1,)
    """Distances between frame numbers to choose from, each as likely where it fits."""
    order: FrameOrder = FrameOrder.TEMPORAL
    placing: Placing = Placing.EVEN

    def __post_init__(self) -> None:
        if not self.strides or min(self.strides) < 1:
            raise InputError(f"strides {list(self.strides)} are not allowed; give 1 or more each")


def grow_window(numbers: Sequence[int], pair: tuple[int, int], count: int) -> tuple[int, ...]:
    """Grow a pair of frames to a clip, as the original does.

    The clip keeps the pair's distance and grows to the right as far as it can, then to the left.
    If that is not enough, the last frame repeats; if the pair alone is too much, its tail is taken.

    Args:
        numbers: ascending numbers of the frames that exist.
        pair: two of them, the earlier one first.
        count: frames wanted.

    Raises:
        InputError: the pair is not made of two frames of the sequence, or `count` is below 1.
    """
    first, second = pair
    if not (first < second and first in numbers and second in numbers):
        raise InputError(f"{first}, {second} are no two ascending frames of the {len(numbers)}")
    _require_count(count)
    stride = second - first
    lane = _lanes(numbers, stride)[first % stride]
    end = min(lane.index(first) + max(count, 2), len(lane))
    return _filled(lane[max(end - count, 0) : end], count)


def draw_window(
    numbers: Sequence[int], count: int, options: WindowOptions, rng: np.random.Generator
) -> tuple[int, ...]:
    """Draw a clip.

    With `Placing.EVEN` its frames are distinct: a sequence too short for the strides of the options
    is taken at the widest smaller stride that fits, and only if it has fewer than `count` frames at
    all does its last frame repeat.

    Args:
        numbers: ascending numbers of the frames that exist.
        count: frames wanted.
        options: strides, order and placing.
        rng: where the draws come from.

    Returns:
        Frame numbers in the order that the network sees them.

    Raises:
        InputError: the sequence is empty, or `count` is below 1.
    """
    if not numbers:
        raise InputError("a sequence without frames has no clips; leave it out")
    _require_count(count)
    pairs = _pairs(numbers, options.strides) if options.placing is Placing.GROWN else []
    if options.placing is Placing.SCATTERED:
        frames = _filled(sorted(rng.permutation(numbers)[:count].tolist()), count)
    elif pairs:
        frames = grow_window(numbers, pairs[int(rng.integers(len(pairs)))], count)
    else:
        frames = _filled(_draw_in_lane(numbers, count, options.strides, rng), count)
    return _in_order(frames, options.order, rng)


@dataclass(frozen=True)
class BatchOptions:
    """How many pictures a batch holds, and of what shape."""

    images_per_sample: tuple[int, int] = (2, 16)
    """Fewest and most frames a sample; every number between is as likely."""
    max_images: int = 32
    """Pictures on one device at most, unless one sample alone has more."""
    aspect: tuple[float, float] = (0.33, 1.0)
    """Least and greatest height over width."""

    def __post_init__(self) -> None:
        fewest, most = self.images_per_sample
        if not 1 <= fewest <= most:
            raise InputError(f"images_per_sample {fewest} to {most}: give 1 or more, least first")
        if self.max_images < 1:
            raise InputError(f"max_images {self.max_images} is not allowed; give 1 or more")
        if not 0 < self.aspect[0] <= self.aspect[1] < math.inf:
            low, high = self.aspect
            raise InputError(f"aspect {low:g} to {high:g}: give numbers above 0, least first")

    def batch_size(self, images_per_sample: int) -> int:
        """Samples on one device: max(1, ⌊max_images / images_per_sample⌋)."""
        return max(1, self.max_images // images_per_sample)


@dataclass(frozen=True)
class SamplePlan:
    """One sample of a batch."""

    index: int
    """Position among all samples of the mixture."""
    seed: int
    """Seed of everything drawn for the sample (window, crop, colours); fits numpy's and torch's
    generators."""


@dataclass(frozen=True)
class BatchPlan:
    """One batch of all ranks."""

    epoch: int
    index: int
    """Position in the epoch, from 0."""
    images_per_sample: int
    aspect: float
    """Height over width, in hundredths."""
    ranks: tuple[tuple[SamplePlan, ...], ...]
    """The samples that each rank takes, equally many."""


def plan_batch(
    options: BatchOptions, *, samples: int, ranks: int, seed: int, epoch: int, index: int
) -> BatchPlan:
    """Plan a batch, whatever was planned before.

    The ranks share one shape and take different samples. An epoch goes through the samples in a
    random order, and through a new one when they run out; batches of few samples skip some, so that
    the place of a batch in that order does not depend on the batches before it. If all ranks
    together need more samples than there are, samples repeat, with other seeds.

    Args:
        options: sizes.
        samples: how many samples the mixture has.
        ranks: number of processes.
        seed: of the run.
        epoch: from 0.
        index: of the batch in its epoch, from 0.

    Raises:
        InputError: there are no samples.
    """
    if samples < 1:
        raise InputError("the training data has no samples; check the data sets and their roots")
    fewest, most = options.images_per_sample
    rng = _stream(_SHAPES, seed, epoch, index)
    images = int(rng.integers(fewest, most, endpoint=True))
    aspect = round(float(rng.uniform(*options.aspect)), 2)
    size = options.batch_size(images)
    seeds = rng.integers(2**63, size=size * ranks, dtype=np.int64).tolist()

    room = ranks * options.batch_size(fewest)  # of the largest batch that could be drawn here
    batches_per_pass = max(1, samples // room)
    pass_index, place = divmod(index, batches_per_pass)
    places = (place * room + np.arange(size * ranks)) % samples
    chosen = _order(samples, seed, epoch, pass_index)[places].tolist()
    plans = [SamplePlan(*both) for both in zip(chosen, seeds, strict=True)]
    per_rank = tuple(tuple(plans[rank * size : (rank + 1) * size]) for rank in range(ranks))
    return BatchPlan(epoch, index, images, aspect, per_rank)


def draw_neighbours(frames: int, count: int, seed: int, step: int) -> slice:
    """Neighbouring frames of a step's clips, any as likely.

    Args:
        frames: of each clip.
        count: wanted; all of them if there are fewer.
        seed: of the run.
        step: optimiser step.
    """
    count = min(count, frames)
    begin = int(_stream(seed, _NEIGHBOURS, step).integers(frames - count + 1))
    return slice(begin, begin + count)


@lru_cache(maxsize=2)
def _order(samples: int, seed: int, epoch: int, pass_index: int) -> NDArray[np.int64]:
    """The samples of a pass through them, shuffled; kept, since all batches of a pass ask."""
    return _stream(_PERMUTATIONS, seed, epoch, pass_index).permutation(samples)


def _stream(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _require_count(count: int) -> None:
    if count < 1:
        raise InputError(f"a clip of {count} frames is not possible; ask for 1 or more")


def _lanes(numbers: Sequence[int], stride: int) -> dict[int, list[int]]:
    """The frames by their number modulo the stride."""
    lanes = defaultdict(list)
    for number in numbers:
        lanes[number % stride].append(number)
    return lanes


def _pairs(numbers: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """All pairs of frames that are a stride apart."""
    there = set(numbers)
    return [(a, a + stride) for stride in strides for a in numbers if a + stride in there]


def _draw_in_lane(
    numbers: Sequence[int], count: int, strides: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """`count` frames at one stride, or all frames if they are fewer."""
    for stride in (*rng.permutation(strides).tolist(), *range(min(strides) - 1, 0, -1)):
        windows = [
            lane[begin : begin + count]
            for lane in _lanes(numbers, stride).values()
            for begin in range(len(lane) - count + 1)
        ]
        if windows:
            return windows[int(rng.integers(len(windows)))]
    return list(numbers)


def _filled(frames: list[int], count: int) -> tuple[int, ...]:
    """Repeat the last frame until there are `count`."""
    return (*frames, *frames[-1:] * (count - len(frames)))


def _in_order(
    frames: tuple[int, ...], order: FrameOrder, rng: np.random.Generator
) -> tuple[int, ...]:
    if order is FrameOrder.TEMPORAL:
        return frames
    if order is FrameOrder.SHUFFLED:
        return tuple(rng.permutation(frames).tolist())
    reference = int(rng.integers(len(frames)))
    return (frames[reference], *frames[:reference], *frames[reference + 1 :])
