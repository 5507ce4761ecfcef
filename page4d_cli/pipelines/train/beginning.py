"""Where a run begins: anew, or where an earlier one has stopped, if it is the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import InputError, OutputError
from page4d_cli.core.strict_json import Json, read_json, to_text
from page4d_cli.io.whole.lock import LOCK
from page4d_cli.io.whole.writing import replacing
from page4d_cli.pipelines.train import checkpoints
from page4d_cli.pipelines.train.checkpoints import TrainState
from page4d_cli.pipelines.train.config import (
    TrainConfig,
    config_from_json,
    config_to_json,
    differences,
)

BEGUN = "config.json"
"""What tells a run's folder from others before its first checkpoint."""
_SHOWN = 3


@dataclass(frozen=True)
class Beginning:
    """What is asked of a run, and where."""

    out: Path
    config: TrainConfig
    processes: int
    resume: bool
    allow_changes: bool
    tell: Callable[[str], None]
    """Told if there is nothing to resume."""

    def find(self) -> tuple[Path | None, TrainState]:
        """The checkpoint to go on from, if there is one, and where the run stands.

        Raises:
            OutputError: the place holds something else.
            InputError: the run there was asked for differently, and changes are not allowed.
        """
        checkpoint = checkpoints.latest(self.out) if self.resume else None
        state = self._new_state() if checkpoint is None else checkpoints.read_state(checkpoint)
        if state.step and state.processes != self.processes and not self.allow_changes:
            raise InputError(
                f"{self.out} was trained by {state.processes} processes, which are "
                f"{self.processes} now: batches would differ; take as many, or say --allow-changes"
            )
        if state.step > self.config.steps:
            raise InputError(
                f"{self.out} has done {state.step} steps; steps={self.config.steps} is less: give "
                "more"
            )
        changed = differences(config_from_json(state.config), self.config)
        if changed and not self.allow_changes:
            raise InputError(
                f"{self.out} was trained with another configuration ({'; '.join(changed)}); "
                "take the old one, or say --allow-changes"
            )
        state.config, state.processes = config_to_json(self.config), self.processes
        return checkpoint, state

    def require_same_data(self, state: TrainState, sequences: tuple[str, ...]) -> None:
        """Let a resumed run go on with the samples that it would have seen only.

        Raises:
            InputError: it was trained on other sequences, and changes are not allowed.
        """
        if state.step and state.sequences != sequences and not self.allow_changes:
            changed = sorted(set(state.sequences) ^ set(sequences)) or ["their order"]
            more = ", …" if len(changed) > _SHOWN else ""
            raise InputError(
                f"{self.out} was trained on other sequences ({', '.join(changed[:_SHOWN])}{more}); "
                "bring them back, or say --allow-changes"
            )
        state.sequences = sequences

    def _new_state(self) -> TrainState:
        """That of a run without a checkpoint: begun and interrupted at once, or not begun."""
        there = self.out.is_dir() and any(entry.name != LOCK for entry in self.out.iterdir())
        if self.resume and (self.out / BEGUN).is_file():
            return _read_begun(self.out / BEGUN)
        if there and self.resume:
            raise OutputError(
                f"{self.out} holds no run that could be resumed; choose another --out"
            )
        if there:
            raise OutputError(
                f"{self.out} is not empty; --resume goes on with a run, or choose another --out"
            )
        if self.resume:
            self.tell(f"nothing to resume in {self.out}: a new run begins")
        return TrainState(config=config_to_json(self.config))


def write_begun(out: Path, state: TrainState) -> None:
    """Note with what configuration a run goes on.

    Raises:
        WriteError: the disk is full, or the like.
    """
    with replacing(out / BEGUN) as staged:
        staged.write_text(to_text(state.config), encoding="utf-8")


def _read_begun(path: Path) -> TrainState:
    return TrainState(config=read_json(dict[str, Json], path, InputError, "choose another --out"))
