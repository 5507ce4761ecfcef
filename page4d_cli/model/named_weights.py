"""The weights that have a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from page4d_cli.core.enums import Variant


@dataclass(frozen=True)
class HubFile:
    """A file on the Hugging Face Hub."""

    repo: str
    repo_type: Literal["model", "dataset"]
    file: str
    sha256: str | None = None
    """None where it is not known."""

    def __str__(self) -> str:
        return f"{self.file} of the Hub's {self.repo_type} repository {self.repo}"


@dataclass(frozen=True)
class BundledFile:
    """A file that comes with the package."""

    file: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(__file__).parents[1] / "assets" / self.file


@dataclass(frozen=True)
class WeightsEntry:
    """What a name stands for."""

    variant: Variant
    description: str
    source: HubFile | BundledFile | None
    """None for `random`, which needs no file."""
    note: str | None = None
    """What whoever loads them is told."""


TINY = "tiny"
RANDOM = "random"

WEIGHTS: Mapping[str, WeightsEntry] = MappingProxyType(
    {
        "page4d": WeightsEntry(
            Variant.NOMASK,
            "PAGE-4D as its authors suggest it, without the mask at inference",
            HubFile("zhouk777/PAGE4D", "dataset", "checkpoint_nomask.pt"),
        ),
        "page4d-mask": WeightsEntry(
            Variant.MASK,
            "PAGE-4D with the spatial mask",
            HubFile("zhouk777/PAGE4D", "dataset", "checkpoint_mask.pt"),
        ),
        "vggt-1b": WeightsEntry(
            Variant.VGGT,
            "VGGT, the baseline",
            HubFile("facebook/VGGT-1B", "model", "model.safetensors"),
        ),
        TINY: WeightsEntry(
            Variant.NOMASK,
            "a small network that knows the drawn scenes of one room; needs no network",
            BundledFile("tiny.safetensors"),
            "these small weights know drawn scenes of one room only: on real pictures their "
            "numbers mean little",
        ),
        RANDOM: WeightsEntry(
            Variant.NOMASK,
            "a small random network to try things with; its numbers mean nothing",
            None,
            "the weights are random: the numbers mean nothing",
        ),
    }
)
"""Every name that `--weights` takes besides a path."""

VARIANT_OF_FILE_NAME: Mapping[str, Variant] = MappingProxyType(
    {
        entry.source.file: entry.variant
        for entry in WEIGHTS.values()
        if isinstance(entry.source, HubFile) and entry.variant is not Variant.VGGT
    }
)
"""The released files' names tell what their tensors do not: whether the mask is on."""
