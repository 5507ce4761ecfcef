"""Several scenes, each with a place of its own: they are done, and one that fails says why."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from page4d_cli.core.errors import DeviceError, Page4DError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import FleetChoice
from page4d_cli.fleet.spread import Worker, spread
from page4d_cli.io.whole.ledger import Ledger

WrittenT = TypeVar("WrittenT")


@dataclass(frozen=True)
class SceneResult(Generic[WrittenT]):
    """How one scene ended."""

    name: str
    out: Path
    written: WrittenT | None = None
    """What its index file says; None if the scene failed."""
    frames: int = 0
    """That were done, now or before."""
    kept: bool = False
    """It was complete already, and `resume` left it as it is."""
    error: str | None = None
    seconds: float = 0.0
    """That it took, to its end or its failure."""

    @property
    def state(self) -> str:
        """In a word."""
        if self.error is not None:
            return "failed"
        return "kept" if self.kept else "done"


class Piece(Protocol):
    """One scene and the place of what is made of it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def place(self) -> Path:
        """The folder, its own."""


PieceT = TypeVar("PieceT", bound=Piece)


@dataclass
class _Attempt(Generic[PieceT, WrittenT]):
    """Works on a scene; of several, one that fails says so in its result."""

    work: Worker[PieceT, SceneResult[WrittenT]]
    alone: bool
    in_ledger: bool

    def __call__(self, piece: PieceT, observer: Observer[Any]) -> SceneResult[WrittenT]:
        begin = time.perf_counter()
        try:
            result = self.work(piece, observer)
        except (WeightsError, DeviceError):
            raise  # of no use to the other scenes either
        except Page4DError as error:
            if self.alone:
                raise
            result = self.failed(piece, str(error))
        except Exception as error:  # a fault of ours must not cost a night's other scenes
            if self.alone:
                raise
            why = f"unexpected {type(error).__name__}: {error}; done alone, it shows where"
            result = self.failed(piece, why)
        else:
            if self.in_ledger:
                _ledger_of(piece).note(piece.place.name, None)
        return replace(result, seconds=round(time.perf_counter() - begin, 3))

    def failed(self, piece: PieceT, why: str) -> SceneResult[WrittenT]:
        """The result of a scene that failed, which is noted."""
        if self.in_ledger:
            with suppress(Page4DError):  # a full disk is told by the failure itself
                _ledger_of(piece).note(piece.place.name, why)
        return SceneResult(piece.name, piece.place, error=why)


def _ledger_of(piece: Piece) -> Ledger:
    return Ledger(piece.place.parent)


def each_scene(
    pieces: Sequence[PieceT],
    work: Worker[PieceT, SceneResult[WrittenT]],
    observer: Observer[SceneResult[WrittenT]],
    fleet: FleetChoice,
    index_file: str | None,
    *,
    check: Callable[[PieceT], None] = lambda _piece: None,
) -> list[SceneResult[WrittenT]]:
    """Work on every scene; a single one raises its error, of several the others go on.

    Args:
        pieces: all of them, in their order.
        work: does one of them.
        observer: told when each begins and how it ended.
        fleet: where they are done, and which share of them.
        index_file: name of the file with which a scene's folder is complete, for `page4d status`.
            None: the folders are complete before and after, and nothing is noted.
        check: looks at the place of each scene of this process's share before any work.

    Returns:
        A result for each scene of this process's share; a failure stands in it.

    Raises:
        Page4DError: a place cannot be used, the only scene failed, or the network is of no use.
    """
    alone = len(pieces) == 1
    share = fleet.share.of(pieces)
    for piece in share:
        check(piece)
    if pieces and not alone and index_file is not None:
        _ledger_of(pieces[0]).ask([piece.place.name for piece in pieces], index_file)
    attempt = _Attempt(work, alone, in_ledger=not alone and index_file is not None)
    return spread(
        share,
        attempt,
        fleet,
        observer,
        name_of=lambda piece: piece.name,
        lost=attempt.failed,
    )
