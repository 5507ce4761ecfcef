"""Several processes that share the sequences of an evaluation, started by accelerate or torchrun.

They agree once, at the beginning, on what there is to do. From then on each does its share alone
and leaves a file for each sequence; the main process waits for the files. A process that dies is
noticed by its process id, which stands with the sequence at hand in a file, too.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from page4d_cli.core.errors import InputError, Page4DError
from page4d_cli.core.strict_json import read_json, to_text
from page4d_cli.pipelines.evaluate.results import write_text

_T = TypeVar("_T")
_POLL_S = 0.1


class ProcessDiedError(Page4DError):
    """Another process of the evaluation ended before its share was done."""


@dataclass(frozen=True)
class Team:
    """This process among those of an evaluation."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls) -> "Team":
        """As the launcher says; alone without one."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        rank, size, local_rank = (int(os.environ.get(name, 0)) for name in names)
        return cls(rank, size, local_rank) if size > 1 else cls()

    @property
    def is_main(self) -> bool:
        """Whether this process writes the results."""
        return self.rank == 0

    def share(self, value: _T | None) -> _T | None:
        """What the main process has; all must call this once."""
        if self.size == 1:
            return value
        from torch import distributed

        if torch.cuda.is_available():
            torch.cuda.set_device(self.local_rank % torch.cuda.device_count())
        distributed.init_process_group("gloo")
        try:
            box = [value]
            distributed.broadcast_object_list(box, src=0)
            return box[0]
        finally:
            distributed.destroy_process_group()

    def works_on(self, index: int) -> bool:
        """Whether the sequence with this index belongs to this process's share."""
        return index % self.size == self.rank


@dataclass(frozen=True)
class _AtWork:
    """What a process says of itself."""

    pid: int
    host: str
    sequence: str | None
    """At hand; None: its share is done."""


@dataclass(frozen=True)
class Board:
    """A folder in which processes tell each other what they are at, and what came of it."""

    folder: Path
    team: Team

    def announce(self, sequence: str | None) -> None:
        """Say which sequence is at hand; None: the share is done."""
        state = _AtWork(os.getpid(), socket.gethostname(), sequence)
        write_text(self._state(self.team.rank), to_text(state))

    def part(self, index: int) -> Path:
        """Where the result of a sequence belongs."""
        return self.folder / f"sequence-{index}.json"

    def wait_for(self, count: int) -> None:
        """Wait until the results of all sequences are there.

        Args:
            count: of sequences.

        Raises:
            ProcessDiedError: a process has ended without finishing its share.
        """
        missing = set(range(count))
        while missing:
            dead = self.died()
            missing = {index for index in missing if not self.part(index).is_file()}
            if missing and dead:
                raise ProcessDiedError(dead)
            if missing:
                time.sleep(_POLL_S)

    def died(self) -> str | None:
        """Which processes of this host have ended before their share was done, in words."""
        deaths = []
        for rank in set(range(self.team.size)) - {self.team.rank}:
            try:
                state = read_json(_AtWork, self._state(rank), InputError, "")
            except InputError:
                continue  # it has not begun; the launcher sees to it
            here = state.host == socket.gethostname()
            if here and state.sequence is not None and not _is_alive(state.pid):
                deaths.append(f"process {rank} ended while it worked on {state.sequence}")
        if not deaths:
            return None
        return f"{'; '.join(deaths)}: no results were written; the same command goes on from here"

    @contextmanager
    def explaining_deaths(self) -> Iterator[None]:
        """If the launcher ends this process since another one died, say which and where."""
        try:
            yield
        except SystemExit as leaving:
            dead = self.died()
            if dead is None:
                raise
            raise ProcessDiedError(dead) from leaving

    def _state(self, rank: int) -> Path:
        return self.folder / f"process-{rank}.json"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
