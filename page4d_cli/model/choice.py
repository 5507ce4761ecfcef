"""Which network is wanted, and the network itself once it is needed.

This module is free of torch, so that a choice costs nothing until it is loaded.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.core.progress import Observer

if TYPE_CHECKING:
    from page4d_cli.model.weights import LoadedModel


@dataclass(frozen=True)
class ModelChoice:
    """Which network, and where it runs; see `load_model`."""

    weights: str = "page4d"
    variant: Variant | None = None
    device: str = "auto"
    precision: Precision = Precision.AUTO

    def load(self) -> "LoadedModel":
        """The network with its weights.

        Raises:
            WeightsError: the weights are not there, cannot be read, or are not for this network.
            DeviceError: this machine lacks the device or the precision.
        """
        from page4d_cli.model.weights import load_model

        return load_model(
            self.weights, variant=self.variant, device=self.device, precision=self.precision
        )


DEFAULT_MODEL = ModelChoice()


class LazyModel:
    """A network that is loaded when it is first asked for.

    Args:
        choice: which one.
        observer: told what was loaded, and what should be known about it.
    """

    def __init__(self, choice: ModelChoice, observer: Observer[Any]) -> None:
        self.choice = choice
        self._observer = observer
        self._model: LoadedModel | None = None

    def get(self, timings_s: dict[str, float] | None = None) -> "LoadedModel":
        """The network; errors as `ModelChoice.load`.

        Args:
            timings_s: if this loads the network, the seconds are put here as `weights`.
        """
        if self._model is None:
            start = time.perf_counter()
            self._model = self.choice.load()
            if timings_s is not None:
                timings_s["weights"] = round(time.perf_counter() - start, 3)
            info, runtime = self._model.info, self._model.runtime
            where = f"{runtime.device} in {runtime.precision.value}"
            self._observer.on_note(f"weights {info.name} ({info.variant.value}) on {where}")
            for note in self._model.notes:
                self._observer.on_warning(note)
        return self._model

    def forget(self) -> None:
        """Let go of the network, so that its memory is free for another."""
        self._model = None
