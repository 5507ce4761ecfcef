"""What to draw of the layers, and whether the network and Matplotlib have it."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from page4d_cli.core.enums import FeatureKind, Reduction
from page4d_cli.core.errors import InputError, WeightsError
from page4d_cli.draw.colormaps import FEATURES
from page4d_cli.model.config import ModelConfig

DEFAULT_SCALE = 12
MAX_SCALE = 64
BOTH_KINDS = (FeatureKind.FRAME, FeatureKind.GLOBAL)


@dataclass(frozen=True)
class FeatureOptions:
    """What to draw and to write.

    Raises:
        InputError: a number is out of range, a name is unknown, or two options contradict.
    """

    layers: Sequence[int] | None = None
    """Layers to show, from 0; None for all."""
    kinds: Sequence[FeatureKind] = BOTH_KINDS
    reduction: Reduction = Reduction.MEAN
    scale: int = DEFAULT_SCALE
    """Pixels a patch, either way."""
    cmap: str | None = None
    """Name of a Matplotlib colour map; None for the original's. PCA has colours of its own."""
    statistics: bool = False
    mask: bool = False
    sheet: bool = False
    video: bool = False
    overwrite: bool = False
    command: tuple[str, ...] = ()
    """The command line, for the summary."""

    def __post_init__(self) -> None:
        if not 1 <= self.scale <= MAX_SCALE:
            raise InputError(f"scale is {self.scale}; give a number from 1 to {MAX_SCALE}")
        if not self.kinds:
            names = ", ".join(kind.value for kind in FeatureKind)
            raise InputError(f"no kind was given; choose among {names}")
        if self.layers is not None and not self.layers:
            raise InputError("no layer was given; give their numbers, or all")
        if self.cmap is not None:
            self._require_cmap(self.cmap)

    @property
    def color_map(self) -> str:
        """The colour map of what is one number a patch."""
        return self.cmap or FEATURES

    def layers_of(self, config: ModelConfig) -> tuple[int, ...]:
        """The layers to draw of a network, rising.

        Raises:
            InputError: the network does not have one of them.
        """
        if self.layers is None:
            return tuple(range(config.depth))
        wrong = [str(layer) for layer in self.layers if not 0 <= layer < config.depth]
        if wrong:
            raise InputError(
                f"layers {', '.join(wrong)}: the network has layers 0 to {config.depth - 1}"
            )
        return tuple(sorted(set(self.layers)))

    def require_network(self, name: str, config: ModelConfig) -> None:
        """Refuse a network that has not what is to be drawn.

        Args:
            name: of its weights.
            config: its sizes.

        Raises:
            InputError: it lacks a layer.
            WeightsError: it has no spatial mask head, and that is to be drawn.
        """
        self.layers_of(config)
        if self.mask and config.spatial_mask is None:
            raise WeightsError(
                f"--mask: the weights {name} have no spatial mask head; leave it away, or take "
                "weights of PAGE-4D (page4d, page4d-mask)"
            )

    def _require_cmap(self, cmap: str) -> None:
        from matplotlib import colormaps

        if self.reduction is Reduction.PCA:
            raise InputError(f"--cmap {cmap}: pca has colours of its own; leave --cmap away")
        if cmap not in colormaps:
            close = difflib.get_close_matches(cmap, list(colormaps), n=3, cutoff=0.5)
            guess = f", for instance {', '.join(close)}" if close else ", for instance viridis"
            raise InputError(f"--cmap {cmap}: Matplotlib has no such map; give one of its{guess}")


def require_comparable(first: tuple[str, ModelConfig], second: tuple[str, ModelConfig]) -> None:
    """Refuse two networks whose layers or pictures do not correspond.

    Args:
        first: name of the weights, and sizes.
        second: the same of the others.

    Raises:
        WeightsError: they differ in depth, or in the pictures they are made for.
    """
    (name_a, a), (name_b, b) = first, second
    for what, of_a, of_b in (
        ("layers", a.depth, b.depth),
        ("pixels a picture side", a.image_size, b.image_size),
        ("pixels a patch side", a.patch_size, b.patch_size),
    ):
        if of_a != of_b:
            raise WeightsError(
                f"--compare: the weights {name_a} have {of_a} {what} and {name_b} have {of_b}; "
                "only networks of one layout can be compared"
            )
