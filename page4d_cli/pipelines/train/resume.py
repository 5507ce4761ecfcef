"""Whether a run begins anew, or goes on where it has stopped, if it is the same run."""

from collections.abc import Callable
from pathlib import Path

from page4d_cli.core.errors import InputError, OutputError
from page4d_cli.core.strict_json import Json, read_json, to_text
from page4d_cli.io.whole.lock import LOCK
from page4d_cli.io.whole.transaction import is_leftover, replacing
from page4d_cli.pipelines.train import checkpoints
from page4d_cli.pipelines.train.checkpoints import TrainState
from page4d_cli.pipelines.train.config import config_from_json, config_to_json, differences
from page4d_cli.pipelines.train.request import TrainRequest

CONFIG_FILE = "config.json"
"""What tells a run's folder from others before its first checkpoint."""
_SHOWN = 3


def find_state(
    request: TrainRequest, processes: int, tell: Callable[[str], None]
) -> tuple[Path | None, TrainState]:
    """Where a run stands.

    Args:
        request: what is asked of it.
        processes: that share each batch.
        tell: told if there is nothing to resume.

    Returns:
        The checkpoint to go on from, None for a run that begins; and the state there.

    Raises:
        OutputError: the place holds something else.
        InputError: the run there was asked for differently, and changes are not allowed.
    """
    out, config = request.out, request.config
    checkpoint = checkpoints.latest(out) if request.resume else None
    if checkpoint is None:
        state = _state_without_checkpoint(request, tell)
    else:
        state = checkpoints.read_state(checkpoint)
    if state.step and state.processes != processes and not request.allow_changes:
        raise InputError(
            f"{out} was trained by {state.processes} processes, which are {processes} now: "
            "batches would differ; take as many, or say --allow-changes"
        )
    if state.step > config.steps:
        raise InputError(
            f"{out} has done {state.step} steps; steps={config.steps} is less: give more"
        )
    changed = differences(config_from_json(state.config), config)
    if changed and not request.allow_changes:
        raise InputError(
            f"{out} was trained with another configuration ({'; '.join(changed)}); "
            "take the old one, or say --allow-changes"
        )
    state.config, state.processes = config_to_json(config), processes
    return checkpoint, state


def require_same_data(request: TrainRequest, state: TrainState, sequences: tuple[str, ...]) -> None:
    """Let a resumed run go on with the samples that it would have seen only; note them.

    Raises:
        InputError: it was trained on other sequences, and changes are not allowed.
    """
    if state.step and state.sequences != sequences and not request.allow_changes:
        changed = sorted(set(state.sequences) ^ set(sequences)) or ["their order"]
        more = ", …" if len(changed) > _SHOWN else ""
        raise InputError(
            f"{request.out} was trained on other sequences ({', '.join(changed[:_SHOWN])}{more}); "
            "bring them back, or say --allow-changes"
        )
    state.sequences = sequences


def write_config(out: Path, state: TrainState) -> None:
    """Note with what configuration a run goes on.

    Raises:
        WriteError: the disk is full, or the like.
    """
    with replacing(out / CONFIG_FILE) as staged:
        staged.write_text(to_text(state.config), encoding="utf-8")


def _state_without_checkpoint(request: TrainRequest, tell: Callable[[str], None]) -> TrainState:
    """Of a run that was begun and interrupted at once, or not begun."""
    out = request.out
    occupied = out.is_dir() and any(
        entry.name != LOCK and not is_leftover(entry) for entry in out.iterdir()
    )
    if request.resume and (out / CONFIG_FILE).is_file():
        return _read_config(out / CONFIG_FILE)
    if occupied and request.resume:
        raise OutputError(f"{out} holds no run that could be resumed; choose another --out")
    if occupied:
        raise OutputError(
            f"{out} is not empty; --resume goes on with a run, or choose another --out"
        )
    if request.resume:
        tell(f"nothing to resume in {out}: a new run begins")
    return TrainState(config=config_to_json(request.config))


def _read_config(path: Path) -> TrainState:
    return TrainState(config=read_json(dict[str, Json], path, InputError, "choose another --out"))
