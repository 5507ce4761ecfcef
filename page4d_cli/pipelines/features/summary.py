"""`features.json`: what was drawn of which network, and how."""

from dataclasses import dataclass
from typing import Literal

from page4d_cli._version import __version__
from page4d_cli.core.enums import FeatureKind, Precision, Reduction, Variant


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """Which network was run, and which of its layers were drawn."""

    name: str
    variant: Variant
    path: str | None
    """Of the checkpoint; None for weights that were never in a file."""
    mask_strength: float
    depth: int
    """Layers that it has."""
    layers: tuple[int, ...]
    """Layers that were drawn, from 0."""
    device: str
    dtype: Precision


@dataclass(frozen=True)
class DrawnFrame:
    """A frame of the clip."""

    name: str
    source: str
    index: int
    timestamp_s: float


@dataclass(frozen=True, kw_only=True)
class FeatureSummary:
    """A folder of drawn features as `features.json` holds it."""

    schema: Literal[1] = 1
    page4d: str = __version__
    command: tuple[str, ...]
    """argv."""
    weights: NetworkRecord
    compare: NetworkRecord | None
    """The network that was drawn beside it."""
    layers: tuple[int, ...]
    """Layers that were drawn, from 0."""
    kinds: tuple[FeatureKind, ...]
    reduction: Reduction
    """How the channels of a token became a picture."""
    cmap: str | None
    """The colour map; None where the channels are colours."""
    scale: int
    """Pixels of a picture for each patch, along a side."""
    network_size: tuple[int, int]
    """(height, width) of the frames as the network saw them."""
    frames: tuple[DrawnFrame, ...]
    ignored: tuple[str, ...]
    """Files of the input that were no usable images."""
    seconds: float
    """That it took."""
    files: tuple[str, ...] = ()
    """Paths of the other files, relative to this one, sorted."""
