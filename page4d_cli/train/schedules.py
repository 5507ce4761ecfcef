"""What changes while training goes on: learning rates and the strength of the spatial mask.

Pure functions of the progress or of the step: nothing to save, nothing to restore.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from page4d_cli.core.errors import InputError

_BOUNDARY = 1e-6  # progress this close before the end of a piece belongs to the next


class Curve(str, Enum):
    """How a piece of a schedule gets from its start value to its end value."""

    LINEAR = "linear"
    """start + (end − start) t."""
    COSINE = "cosine"
    """end + (start − end) (1 + cos πt) / 2."""


@dataclass(frozen=True)
class Piece:
    """One stretch of a schedule; t runs from 0 to 1 in it."""

    curve: Curve
    start: float
    """Value where the piece begins."""
    end: float
    """Value where the piece ends."""
    length: float
    """Share of the whole run."""

    def at(self, t: float) -> float:
        """Value at t ∈ [0, 1]."""
        if self.curve is Curve.LINEAR:
            return self.start + (self.end - self.start) * t
        return self.end + (self.start - self.end) / 2 * (1 + math.cos(math.pi * t))


@dataclass(frozen=True)
class Schedule:
    """A value over the progress of a run, made of pieces."""

    pieces: tuple[Piece, ...]
    """Stretches one after another; their lengths add up to 1."""

    def __post_init__(self) -> None:
        lengths = [piece.length for piece in self.pieces]
        if not lengths or min(lengths) <= 0 or abs(sum(lengths) - 1) > _BOUNDARY:
            raise InputError(f"schedule pieces of lengths {lengths}: all above 0, 1 in total")

    def __call__(self, progress: float) -> float:
        """Value when `progress` of the run is done.

        Args:
            progress: 0 at the start, 1 at the end; beyond them the values there hold.
        """
        ends = list(accumulate(piece.length for piece in self.pieces))
        index = bisect_left(ends[:-1], progress + _BOUNDARY)
        piece = self.pieces[index]
        t = 1 + (progress - ends[index]) / piece.length
        return piece.at(min(max(t, 0.0), 1.0))


@dataclass(frozen=True)
class MaskSchedule:
    """Strength of the spatial mask: 1, then a half cosine down to 0.

    The steps are optimiser steps. The original counts forward passes, of which its configuration
    makes two an iteration: its 6000 and 10000 are reached after 3000 and 5000 iterations.
    """

    hold: int
    """Strength 1 before this step."""
    end: int
    """Strength 0 from this step on."""

    def __post_init__(self) -> None:
        if not 0 <= self.hold <= self.end:
            raise InputError(
                f"mask schedule hold {self.hold}, end {self.end}: give 0 <= hold <= end"
            )

    def __call__(self, step: int) -> float:
        """Strength a ∈ [0, 1] for the forward passes of optimiser step `step`, counted from 0."""
        if step >= self.end:
            return 0.0
        if step < self.hold:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - self.hold) / (self.end - self.hold)))
