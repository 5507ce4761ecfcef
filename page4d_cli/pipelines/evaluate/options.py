"""What is asked of an evaluation."""

from dataclasses import dataclass, field
from pathlib import Path

from page4d_cli.core.benchmark import Benchmark
from page4d_cli.core.enums import Align, Dataset, ProtocolName
from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import expand_home
from page4d_cli.core.strict_json import Json
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.eval.protocol import PROTOCOLS, Measure, Protocol
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.model.named_weights import WEIGHTS

REFINED = "refined"
"""Setting of a run, and word of a protocol: cameras are no longer the network's."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """A data set, what to measure on it, and where the predictions come from."""

    dataset: Dataset
    measure: Measure
    root: Path | None = None
    """The data set's folder or one that holds it; None: `data.sets.find.resolve_root` looks."""
    aligns: tuple[Align, ...] = ()
    """Alignments of depth, at least one; none for poses, which have their own."""
    protocol_name: ProtocolName = ProtocolName.STANDARD
    sequences: tuple[str, ...] = ()
    """Names; empty for the benchmark's list."""
    predictions: Path | None = None
    """Run directories; None to run the network."""
    max_frames: int | None = None
    """The first frames of each sequence only."""
    windows: WindowChoice = field(default_factory=WindowChoice)
    """How sequences that are longer are cut where the network is run."""
    refine: bool = False
    """Refine the cameras of what the network predicts before they are scored."""
    allow_failures: bool = False
    model: ModelChoice = field(default_factory=ModelChoice)

    def __post_init__(self) -> None:
        if (self.measure is Measure.POSE) == bool(self.aligns):
            raise InputError("depth is scored with at least one alignment, poses without one")
        if self.refine:
            self._require_refinable()
        if self.measure is Measure.MONO and self.windows.focal.known_px is not None:
            raise InputError(
                f"--focal {self.windows.focal}: of --task mono no camera is asked, and depth has a "
                "scale of its own in each frame"
            )
        if self.windows.window is None:
            return
        if self.measure is Measure.MONO:
            raise InputError("--window: of --task mono each frame has a pass of its own anyway")
        if self.predictions is not None:
            raise InputError("--window is for the network, which --preds spares; give one of them")

    def _require_refinable(self) -> None:
        if self.measure is Measure.MONO:
            raise InputError("--refine: of --task mono no frame meets another")
        if self.predictions is not None:
            raise InputError("--refine is for the network; `page4d refine` refines runs of --preds")
        if self.protocol.stretches:
            raise InputError(
                f"--refine: --protocol {self.protocol_name.value} stretches the pictures, whose "
                "cameras are none then; take --protocol standard"
            )

    @property
    def protocol(self) -> Protocol:
        """The rules by the protocol's name."""
        return PROTOCOLS[self.protocol_name]

    @property
    def benchmark(self) -> Benchmark:
        """The data set's lists and limits."""
        return DATASETS[self.dataset].benchmark

    @property
    def benchmark_sequences(self) -> tuple[str, ...]:
        """Folders over which the protocol averages; empty: no list."""
        return self.protocol.sequences(self.benchmark, self.measure)

    def as_settings(self, root: Path) -> dict[str, Json]:
        """What makes an evaluation the same evaluation, however its paths were typed.

        Args:
            root: the data set's folder.
        """
        network: dict[str, Json] = {
            "weights": identity_of(self.model.weights),
            "variant": None if self.model.variant is None else self.model.variant.value,
            "dtype": self.model.precision.value,
        }
        given = self.predictions
        return {
            "dataset": self.dataset.value,
            "measure": self.measure.value,
            "root": str(root.resolve()),
            "align": [align.value for align in self.aligns],
            "protocol": self.protocol_name.value,
            "sequences": list(self.sequences),
            "max_frames": self.max_frames,
            **self.windows.as_settings(),
            **({REFINED: True} if self.refine else {}),
            **(network if given is None else {"predictions": str(given.resolve())}),
        }


def identity_of(weights: str) -> str:
    """What tells weights from others: a name, or a file with its size and time."""
    path = Path(expand_home(weights))
    if weights in WEIGHTS or not path.is_file():
        return weights
    status = path.stat()
    return f"{path.resolve()} of {status.st_size} bytes at {status.st_mtime_ns}"
