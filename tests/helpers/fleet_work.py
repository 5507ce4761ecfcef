"""Work for processes of their own, with the accidents that are asked for."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.cloudpickle import register_pickle_by_value as import_by_value

from page4d_cli.core.errors import WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import Devices, FleetChoice
from page4d_cli.fleet.spread import spread

# Processes of their own do not find test helpers: what is sent must be whole.
import_by_value(sys.modules[__name__])
TWO = FleetChoice(Devices(cpus=2))
FULL_AT_BYTES = 20_000
"""Files of a process whose disk is full grow no larger."""


@dataclass
class Squarer:
    """Squares numbers, with the accidents that are asked for by number."""

    folder: Path
    dies_at: tuple[int, ...] = ()
    dies_once_at: tuple[int, ...] = ()
    refuses: int | None = None
    meet: tuple[int, ...] = ()
    opened: int = 0

    def __call__(self, piece: int, observer: Observer[Any]) -> tuple[int, int, int]:
        if not self.opened:
            self.opened = os.getpid()
            observer.on_note("opened")
        with (self.folder / f"begun-{piece}").open("a") as log:
            log.write(f"{os.getpid()}\n")
        first = (self.folder / f"begun-{piece}").read_text().count("\n") == 1
        if piece in self.dies_at or (first and piece in self.dies_once_at):
            os.kill(os.getpid(), signal.SIGKILL)
        if piece == self.refuses:
            raise WeightsError("these weights are of no use")
        while piece in self.meet and not all(
            (self.folder / f"begun-{other}").exists() for other in self.meet
        ):
            time.sleep(0.05)  # until they are done side by side
        return piece**2, self.opened, os.getpid()


def squares(folder, pieces, fleet=TWO, observer=None, **accidents):
    return spread(
        pieces,
        Squarer(folder, **accidents),
        fleet,
        observer or Observer(),
        name_of=str,
        lost=lambda piece, reason: (piece, reason, 0),
    )


@dataclass
class Faulty:
    """Does another's work; the first try of scenes named after a fault has it."""

    work: Callable[[Any, Observer[Any]], Any]
    marks: Path

    def __call__(self, piece: Any, observer: Observer[Any]) -> Any:
        mark = self.marks / piece.name
        with mark.open("a") as log:
            log.write(f"{os.getpid()}\n")
        first = mark.read_text().count("\n") == 1
        with FAULTS[piece.name]() if first and piece.name in FAULTS else nullcontext():
            return self.work(piece, observer)


@contextmanager
def full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_AT_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def little_memory() -> Iterator[None]:
    """The device has room for four frames."""
    import torch

    def look(images: Any) -> None:
        if images.shape[1] > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with before_network(look):
        yield


@contextmanager
def death() -> Iterator[None]:
    """In the middle of a clip."""
    with before_network(lambda _images: os.kill(os.getpid(), signal.SIGKILL)):
        yield


@contextmanager
def before_network(look: Callable[[Any], None]) -> Iterator[None]:
    from page4d_cli.model.aggregator import Aggregator

    iterate = Aggregator.iterate

    def looked(self: Any, images: Any, **more: Any) -> Any:
        look(images)
        return iterate(self, images, **more)

    Aggregator.iterate = looked  # type: ignore[method-assign]
    try:
        yield
    finally:
        Aggregator.iterate = iterate  # type: ignore[method-assign]


FAULTS = {"full": full_disk, "large": little_memory, "killed": death}
