"""Do every piece of work, one after the other in this process or side by side in others."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from page4d_cli.core.errors import InputError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import FleetChoice

PieceT = TypeVar("PieceT")
ResultT = TypeVar("ResultT")
_PieceT = TypeVar("_PieceT", contravariant=True)
_ResultT = TypeVar("_ResultT", covariant=True)


class Worker(Protocol[_PieceT, _ResultT]):
    """Does pieces of work in one process. It is sent there by value, before its first piece.

    What is dear, such as a network, is made at the first call and kept.
    """

    def __call__(self, piece: _PieceT, observer: Observer[Any], /) -> _ResultT:
        """Do a piece; an error that is raised ends all work."""


def spread(
    pieces: Sequence[PieceT],
    worker: Worker[PieceT, ResultT],
    fleet: FleetChoice,
    observer: Observer[ResultT],
    *,
    name_of: Callable[[PieceT], str],
    lost: Callable[[PieceT, str], ResultT],
) -> list[ResultT]:
    """Do every piece where the fleet says.

    Args:
        pieces: this process's share; `FleetChoice.share` tells which that is.
        worker: does them.
        fleet: where.
        observer: told what happens, results in the order in which they are there.
        name_of: what a piece is called.
        lost: the result of a piece whose processes have died, of the piece and the reason.

    Returns:
        The results in the order of the pieces.

    Raises:
        Page4DError: the worker has raised it.
        DeviceError: there are no such devices, or the cluster cannot be reached.
        InputError: processes of their own are asked for, and Ray is not installed.
    """
    if not fleet.is_here:
        _require_ray()
        from page4d_cli.fleet.actors import spread_over_actors

        return spread_over_actors(pieces, worker, fleet, observer, name_of=name_of, lost=lost)
    results = []
    for index, piece in enumerate(pieces):
        observer.on_scene(name_of(piece), index, len(pieces))
        result = worker(piece, observer)
        results.append(result)
        observer.on_result(result)
    return results


def _require_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "--devices and --cluster need Ray: pip install '.[cluster]' in page4d's folder; "
            "--shard I/N works without it"
        )
