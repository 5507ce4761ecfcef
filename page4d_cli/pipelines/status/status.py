"""How far a folder of many results has come, from its files alone: of any machine, without Ray."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from page4d_cli.core.errors import InputError
from page4d_cli.io.whole.ledger import Ledger
from page4d_cli.io.whole.transaction import is_being_written


class PieceState(str, Enum):
    """How far a piece is."""

    DONE = "done"
    RUNNING = "running"
    """A process of this machine writes it."""
    FAILED = "failed"
    MISSING = "missing"
    """Nobody has begun it, or whoever had was killed."""


@dataclass(frozen=True)
class PieceStatus:
    """One piece."""

    name: str
    state: PieceState
    size_bytes: int
    """Of its folder."""
    why: str | None = None
    """Why it failed."""


def read_status(out: Path) -> list[PieceStatus]:
    """Look at every piece that was asked for below a folder.

    Args:
        out: what was given to `infer`, `visualize-features`, `synth` or `export` as `--out` for
            several scenes.

    Raises:
        InputError: nothing was asked for there.
        OutputError: the ledger is damaged.
    """
    ledger = Ledger(out)
    asked = ledger.asked()
    if asked is None:
        raise InputError(
            f"{out} is no folder of several results; give the --out of an infer, "
            "visualize-features, synth or export of several scenes"
        )
    failures = ledger.failures()
    return [
        _look_at(out / name, name, asked.index_file, failures.get(name)) for name in asked.names
    ]


def _look_at(place: Path, name: str, index_file: str, why: str | None) -> PieceStatus:
    if is_being_written(place):
        state = PieceState.RUNNING
    elif (place / index_file).is_file():
        state = PieceState.DONE
    else:
        state = PieceState.MISSING if why is None else PieceState.FAILED
    size = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file())
    return PieceStatus(name, state, size, why if state is PieceState.FAILED else None)
