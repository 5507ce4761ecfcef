"""What is asked of a training run, and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from page4d_cli.pipelines.train.config import TrainConfig


@dataclass(frozen=True)
class TrainRequest:
    """A run to be begun or gone on with."""

    config: TrainConfig
    out: Path
    resume: bool = False
    """Go on from the last checkpoint in `out`, if there is one."""
    allow_changes: bool = False
    """Resume although configuration, data or number of processes are others."""
    device: str = "auto"


@dataclass(frozen=True)
class StepReport:
    """One optimiser step, for whoever watches."""

    step: int
    """Steps that are done, this one included."""
    steps: int
    """Optimiser steps of the whole run."""
    values: dict[str, float]
    """Loss terms, gradient norms and learning rates by name."""
    seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class TrainObserver:
    """What a caller may want to hear meanwhile; the main process alone tells, but for problems."""

    on_start: Callable[[str], None] = field(default=lambda _text: None)
    """A line about data, weights or parameters, before the first step."""
    on_step: Callable[[StepReport], None] = field(default=lambda _report: None)
    on_validation: Callable[[int, str, dict[str, float]], None] = field(
        default=lambda _step, _dataset, _values: None
    )
    on_problem: Callable[[str], None] = field(default=lambda _text: None)
    """What was left out: files that cannot be read, steps that are not finite. On every process."""
