"""Checkpoints of a run: whole or not there, and enough to go on as if nothing had happened.

```
RUN/checkpoints/step_00000100/
  model.safetensors    loads with --weights
  optimizer.pt         AdamW's moments, the loss scaler
  state.json           step, the configuration, the best validation
```

Random numbers follow from the seed and the step alone, and the mask from the step, so the step is
all that there is to restore of them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from page4d_cli.core.enums import Variant
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import Json, read_json, to_text
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.model.checkpoint import DAMAGE, read_checkpoint, save_checkpoint
from page4d_cli.model.network import Page4D

DIRECTORY = "checkpoints"
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.pt", "state.json"


@dataclass
class TrainState:
    """Where a run stands."""

    step: int = 0
    """Optimiser steps that are done, skipped ones included."""
    bad_steps: int = 0
    processes: int = 1
    """Number of processes that shared each batch."""
    sequences: tuple[str, ...] = ()
    """Data on disk that it is trained on."""
    replaced_clips: int = 0
    """Clips that could not be read, as the main process has met them."""
    best_objective: float | None = None
    """Lowest validation objective so far."""
    config: dict[str, Json] = field(default_factory=dict)


def variant_at(mask_strength: float) -> Variant:
    """What a network is at inference whose mask has this strength."""
    return Variant.MASK if mask_strength else Variant.NOMASK


def save(
    run: Path,
    model: Page4D,
    optimizer_state: dict[str, Any],
    state: TrainState,
    *,
    mask_strength: float,
    keep_last: int,
) -> Path:
    """Write the checkpoint of a step, and drop the oldest ones.

    Raises:
        WriteError: the disk is full, or the like; earlier checkpoints stay whole.
    """
    directory = run / DIRECTORY
    target = directory / f"step_{state.step:08d}"
    with Transaction(target, STATE, overwrite=True, shared=True, files_of=_files_of) as folder:
        with writing(target):
            variant = variant_at(mask_strength)
            save_checkpoint(folder.path(MODEL), model.state_dict(), model.config, variant)
            _save_optimizer(folder.path(OPTIMIZER), optimizer_state)
        folder.commit(to_text(state))
    for old in _steps(run)[:-keep_last]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest(run: Path) -> Path | None:
    """The checkpoint of the highest step, if there is one."""
    return next(iter(reversed(_steps(run))), None)


def read_state(checkpoint: Path) -> TrainState:
    """Read where a run stood.

    Raises:
        InputError: the file is damaged or of another version.
    """
    return read_json(
        TrainState, checkpoint / STATE, InputError, "resume from another run", defaults=True
    )


def restore(checkpoint: Path, model: Page4D) -> dict[str, Any]:
    """Put the weights of a checkpoint into the network.

    Returns:
        The optimiser's state as `save` was given it, on the CPU.

    Raises:
        WeightsError: the weights are damaged.
        InputError: they are of another network, or the optimiser's state is damaged.
    """
    try:
        model.load_state_dict(dict(read_checkpoint(checkpoint / MODEL).tensors))
    except RuntimeError as error:
        raise InputError(
            f"{checkpoint / MODEL} is of another network; {_begin(checkpoint)}"
        ) from error
    path = checkpoint / OPTIMIZER
    try:
        optimizer: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (*DAMAGE, UnpicklingError) as error:
        raise _damaged(path) from error
    return optimizer


@contextmanager
def restoring(checkpoint: Path) -> Iterator[None]:
    """Say in one line why what `restore` returned cannot be put back by the body.

    Raises:
        InputError: the configuration groups or freezes other parameters than it did, or the state
            is damaged.
    """
    try:
        yield
    except ValueError as error:
        raise InputError(
            f"{checkpoint}: the groups or the frozen parameters are others now; "
            f"{_begin(checkpoint)}"
        ) from error
    except DAMAGE as error:
        raise _damaged(checkpoint / OPTIMIZER) from error


def _save_optimizer(path: Path, state: dict[str, Any]) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:  # what torch makes of a full disk
        raise OSError(str(error).splitlines()[0]) from error


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is missing or damaged; remove {path.parent}, and --resume goes on from the "
        "checkpoint before it"
    )


def _begin(checkpoint: Path) -> str:
    return f"begin a new run with --init-from {checkpoint / MODEL}"


def _steps(run: Path) -> list[Path]:
    found = [
        p
        for p in (run / DIRECTORY).glob("step_*")
        if p.name.removeprefix("step_").isdecimal() and (p / STATE).is_file()
    ]
    return sorted(found)


def _files_of(_state: Path) -> tuple[str, ...]:
    return MODEL, OPTIMIZER
