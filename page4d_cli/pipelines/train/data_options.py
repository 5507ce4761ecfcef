"""Where a run's clips come from: scenes drawn on the fly, and data sets on disk."""

import math
from dataclasses import dataclass, field

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import InputError
from page4d_cli.data.synthetic.recipe import SceneRecipe
from page4d_cli.train.crop import CropOptions
from page4d_cli.train.depth_filter import DepthFilterOptions
from page4d_cli.train.sampling import WindowOptions

MOST_SCENES = 10_000_000
"""Their order is shuffled as a list, in every process that prepares batches."""


@dataclass(frozen=True)
class DatasetOptions:
    """Sequences of one kind below one root. What is trained on and validated on never overlaps."""

    kind: Dataset
    root: str | None = None
    """The data set's folder, one that holds it by its name, or a sequence's; null looks for it by
    its name in the folder that PAGE4D_DATA names, else in `data`."""
    layout: str | None = None
    """Take this layout only, where a sequence lies in several: `right` of Spring's eyes."""
    sequences: tuple[str, ...] = ()
    """Names of those to take, or patterns such as `*_xyz`; all if there are none."""
    weight: float = 1.0
    """Share of the samples, relative to the weights of the other data sets; what weighs 0 is only
    validated on, all of it."""
    validation_sequences: tuple[str, ...] = ()
    """Names or patterns of those to validate on instead of training on them."""
    validation_share: float = 0.1
    """Without such names: this share of the sequences, the last ones by name, at least one; of a
    single sequence nothing. 0 validates on none."""
    validation_clips: int = 16
    """Clips that are drawn from these, always the same."""
    window: WindowOptions = field(default_factory=WindowOptions)
    crop: CropOptions = field(default_factory=CropOptions)
    depth_filter: DepthFilterOptions | None = field(default_factory=DepthFilterOptions)
    """None takes depth as it is."""
    sparse_depth: bool = False
    """Depth is known at scattered pixels (LiDAR): none of them may get lost in resizing."""
    supervise_pose: bool = True
    """Whether cameras are learned from this data set."""
    supervise_geometry: bool = True
    """Whether depth and points are learned from this data set."""
    intrinsics: tuple[float, float, float, float] | None = None
    """fx, fy, cx, cy in pixels of the pictures, to take instead of the data set's."""

    def __post_init__(self) -> None:
        _require_weight("weight", self.weight)
        if not 0 <= self.validation_share < 1:
            raise InputError(f"validation_share {self.validation_share:g}: give 0 or more, below 1")
        if self.validation_clips < 1:
            raise InputError(f"validation_clips {self.validation_clips}: give 1 or more")


@dataclass(frozen=True)
class DataOptions:
    """The mixture: scenes drawn on the fly (`data/synthetic`) unless data sets are listed."""

    datasets: tuple[DatasetOptions, ...] = ()
    synthetic_weight: float = 0.0
    """Share of drawn scenes beside the data sets, relative to their weights. Without data sets,
    drawn scenes are everything."""
    recipe: SceneRecipe = field(default_factory=SceneRecipe)
    scenes: int = 1_000_000
    """Drawn scenes to train on, at most ten million: seeds 0, 1, …"""
    gap_s: tuple[float, float] = (0.1, 0.6)
    """Time between the frames of a clip of a drawn scene, drawn for each clip."""
    validation_scenes: int = 16
    """Drawn scenes to validate on: seeds after those of training."""
    validation_frames: int = 4
    """Frames of every clip that is validated on."""
    validation_aspect: float = 0.75
    """Height over width of every clip that is validated on."""

    def __post_init__(self) -> None:
        _require_weight("synthetic_weight", self.synthetic_weight)
        if self.datasets and not any(self.weights):
            raise InputError("all weights of the mixture are 0; give one data set more")
        if not 1 <= self.scenes <= MOST_SCENES:
            raise InputError(f"scenes {self.scenes}: give 1 to {MOST_SCENES}")
        if self.validation_frames < 1:
            raise InputError(f"validation_frames {self.validation_frames}: give 1 or more")

    @property
    def weights(self) -> tuple[float, ...]:
        """Of the drawn scenes, then of each data set."""
        drawn = self.synthetic_weight if self.datasets else 1.0
        return (drawn, *(dataset.weight for dataset in self.datasets))


def _require_weight(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise InputError(f"{name} {value:g} is not allowed; give 0 or more")
