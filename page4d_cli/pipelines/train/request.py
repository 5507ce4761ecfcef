"""What is asked of a training run, and what it tells."""

from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.progress import Observer
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
    available: bool = False
    """Train on those data sets of the configuration that are there."""


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


TrainObserver = Observer[StepReport]
"""Told each step as a result; the main process alone tells, but for warnings: what was left out,
such as files that cannot be read and steps that are not finite, on every process."""
