"""Work for processes of their own, with the accidents that are asked for."""

import os
import signal
import sys
import time
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
