"""Weights and choices of the losses. The defaults are those of the original training.

Where the original behaves worse than it should, the default departs from it; `Quirks` switches
each departure back.
"""

from dataclasses import dataclass, field, fields
from enum import Enum

from page4d_cli.core.errors import InputError


class CameraNorm(str, Enum):
    """How the difference of two camera encodings is measured."""

    L1 = "l1"
    """Mean of absolute differences."""
    L2 = "l2"
    """Mean of Euclidean norms, one a frame."""


class GradientTerm(str, Enum):
    """What is compared of a dense map beyond its values."""

    NONE = "none"
    GRADIENT = "grad"
    """Differences of neighbouring pixels."""
    NORMAL = "normal"
    """Directions of surface normals; for points only."""
    GRADIENT_CONFIDENCE = "grad_conf"
    """As GRADIENT, weighted by the predicted confidence."""
    NORMAL_CONFIDENCE = "normal_conf"
    """As NORMAL, weighted by the predicted confidence."""

    @property
    def of_normals(self) -> bool:
        """Whether normals are compared."""
        return self in (GradientTerm.NORMAL, GradientTerm.NORMAL_CONFIDENCE)

    @property
    def weighted(self) -> bool:
        """Whether the predicted confidence weights the term."""
        return self in (GradientTerm.GRADIENT_CONFIDENCE, GradientTerm.NORMAL_CONFIDENCE)


@dataclass(frozen=True)
class CameraLossOptions:
    """The camera term; its stages are the rounds of the camera head."""

    weight: float = 5.0
    """Of the camera term in the objective."""
    norm: CameraNorm = CameraNorm.L1
    gamma: float = 0.6
    """Stage i of n is weighted by gamma^(n-1-i)."""
    weight_trans: float = 1.0
    """Of the translation."""
    weight_rot: float = 1.0
    """Of the quaternion."""
    weight_focal: float = 0.5
    """Of the fields of view."""

    def __post_init__(self) -> None:
        for name in ("weight", "weight_trans", "weight_rot", "weight_focal"):
            _require_weight(name, getattr(self, name))
        if not 0 < self.gamma <= 1:
            raise InputError(f"gamma of the camera is {self.gamma}; give a number above 0, up to 1")


@dataclass(frozen=True)
class DenseLossOptions:
    """The terms of a map with a confidence."""

    weight: float = 1.0
    """Of the sum of the map's terms in the objective."""
    gamma: float = 1.0
    """Weight of the error in the confidence term gamma·e·c - alpha·ln c."""
    alpha: float = 0.2
    """Reward of confidence."""
    gradient: GradientTerm = GradientTerm.GRADIENT
    valid_range: float = 0.98
    """Share of the pixels that is learned from, those of smallest error; 1 keeps all."""

    def __post_init__(self) -> None:
        for name in ("weight", "gamma", "alpha"):
            _require_weight(name, getattr(self, name))
        if not 0 < self.valid_range <= 1:
            raise InputError(f"valid_range is {self.valid_range}; give a share above 0, up to 1")


@dataclass(frozen=True)
class DepthLossOptions(DenseLossOptions):
    """The terms of the depth maps."""

    gamma: float = 0.3
    alpha: float = 0.06

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gradient.of_normals:
            raise InputError(
                f"gradient of the depth is {self.gradient.value}, but a depth map has no normals; "
                "give none, grad or grad_conf"
            )


@dataclass(frozen=True)
class PointLossOptions(DenseLossOptions):
    """The terms of the point maps."""

    gradient: GradientTerm = GradientTerm.NORMAL


@dataclass(frozen=True)
class Quirks:
    """What the original does and this project does not, unless told to."""

    first_frame_decides: bool = False
    """A sample's cameras count only if its first frame has enough valid pixels. Otherwise each part
    asks for what it needs: rotation and field of view for nothing, translation for a scale, that
    is for enough valid pixels in the clip."""
    far_targets_clamped: bool = False
    """Target coordinates beyond ±100 are clamped, which bends their direction. Otherwise pixels
    whose target lies farther away than 100 are masked."""
    filters_differ: bool = False
    """Confidence and regression term each drop their own largest 2 %. Otherwise both drop the
    pixels of largest error."""
    pixels_pooled: bool = False
    """The pixels of all samples share one mean, so that a dense sample outweighs a sparse one.
    Otherwise each sample has its own quantile and mean, and samples count alike."""
    one_unsupervised_drops_all: bool = False
    """One sample without supervised geometry takes the geometry of the whole batch with it."""

    @classmethod
    def original(cls) -> "Quirks":
        """All of them."""
        return cls(**{quirk.name: True for quirk in fields(cls)})


@dataclass(frozen=True)
class LossOptions:
    """Everything that shapes the objective."""

    camera: CameraLossOptions = field(default_factory=CameraLossOptions)
    depth: DepthLossOptions = field(default_factory=DepthLossOptions)
    point: PointLossOptions = field(default_factory=PointLossOptions)
    quirks: Quirks = field(default_factory=Quirks)

    @classmethod
    def original(cls) -> "LossOptions":
        """The original's, quirks included."""
        return cls(quirks=Quirks.original())


def _require_weight(name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} is {value}; give a finite number that is not negative")
