"""The terms of a map that comes with a confidence: depth, points."""

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.bounds import bounded
from page4d_cli.train.losses.confidence import confidence_weighted
from page4d_cli.train.losses.gradient import SCALES as GRADIENT_SCALES
from page4d_cli.train.losses.gradient import gradient_loss
from page4d_cli.train.losses.loss import Comparison, Loss, LossTerms, require_weight
from page4d_cli.train.losses.maps import Maps, comparable, mean_over_scales
from page4d_cli.train.losses.masked import masked_mean, masked_row_means
from page4d_cli.train.losses.normals import SCALES as NORMAL_SCALES
from page4d_cli.train.losses.normals import normal_loss
from page4d_cli.train.losses.predictions import DensePrediction
from page4d_cli.train.losses.quantile import quantile_mask
from page4d_cli.train.losses.quirks import Quirks

FEWEST_VALID = 100
"""Groups with fewer valid pixels are left out."""


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
class DenseLossOptions(Loss):
    """The loss of a map with a confidence."""

    weight: float = 1.0
    """Weight of the sum of the map's terms in the objective."""
    gamma: float = 1.0
    """Weight of the error in the confidence term gamma·e·c - alpha·ln c."""
    alpha: float = 0.2
    """Reward of confidence."""
    gradient: GradientTerm = GradientTerm.GRADIENT
    valid_range: float = 0.98
    """Share of the pixels that is learned from, those of smallest error; 1 keeps all."""

    def __post_init__(self) -> None:
        for name in ("weight", "gamma", "alpha"):
            require_weight(name, getattr(self, name))
        if not 0 < self.valid_range <= 1:
            raise InputError(f"valid_range is {self.valid_range}; give a share above 0, up to 1")

    def _compare_map(
        self, name: str, prediction: DensePrediction | None, target: Tensor, given: Comparison
    ) -> LossTerms | None:
        """`loss_conf_…`, `loss_reg_…`, `loss_grad_…` of a map; the target is of all frames."""
        if prediction is None:
            return None
        frames, batch = given.dense_frames, given.batch
        dense = dense_loss(
            prediction.values,
            target[:, frames],
            prediction.confidence,
            batch.usable[:, frames],
            batch.supervise_geometry,
            self,
            given.quirks,
        )
        terms = {
            f"loss_conf_{name}": dense.confidence,
            f"loss_reg_{name}": dense.regression,
            f"loss_grad_{name}": dense.gradient,
        }
        return LossTerms(dense.total, terms)


@dataclass(frozen=True)
class DepthLossOptions(DenseLossOptions):
    """The loss of the depth maps."""

    gamma: float = 0.3
    alpha: float = 0.06

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gradient.of_normals:
            raise InputError(
                f"gradient of the depth is {self.gradient.value}, but a depth map has no normals; "
                "give none, grad or grad_conf"
            )

    def compare(self, given: Comparison) -> LossTerms | None:
        """See `_compare_map`; the terms end in `depth`."""
        target = given.batch.depth[..., None]
        return self._compare_map("depth", given.predictions.depth, target, given)


@dataclass(frozen=True)
class PointLossOptions(DenseLossOptions):
    """The loss of the point maps."""

    gradient: GradientTerm = GradientTerm.NORMAL

    def compare(self, given: Comparison) -> LossTerms | None:
        """See `_compare_map`; the terms end in `point`."""
        target = given.batch.world_points
        return self._compare_map("point", given.predictions.points, target, given)


@dataclass(frozen=True)
class DenseTerms:
    """Unweighted scalars."""

    confidence: Tensor
    regression: Tensor
    gradient: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.confidence + self.regression + self.gradient


def dense_loss(
    prediction: Tensor,
    target: Tensor,
    confidence: Tensor,
    usable: Tensor,
    supervise: Tensor,
    options: DenseLossOptions,
    quirks: Quirks,
) -> DenseTerms:
    """Compare a map with its target.

    Every term is a mean over the samples that take part; 0, attached to the graph, if none does.

    Args:
        prediction: (B, S, H, W, C).
        target: (B, S, H, W, C), finite where usable.
        confidence: (B, S, H, W), positive.
        usable: (B, S, H, W) bool.
        supervise: (B,) bool.
        options: gamma, alpha, filter and gradient term; `weight` is left to the objective.
        quirks: where to do as the original.
    """
    if quirks.one_unsupervised_drops_all:
        supervise = supervise.all().expand_as(supervise)
    maps = comparable(
        prediction, target, confidence, usable & supervise[:, None, None, None], quirks
    )
    groups = maps.mask.flatten(1).sum(dim=1) >= FEWEST_VALID
    mask = maps.mask.flatten(1)
    error = bounded(torch.linalg.vector_norm(maps.target - maps.prediction, dim=-1)).flatten(1)
    weighted = bounded(
        confidence_weighted(error, maps.confidence.flatten(1), options.gamma, options.alpha)
    )
    kept = quantile_mask(error, mask, options.valid_range)
    kept_weighted = (
        quantile_mask(weighted, mask, options.valid_range) if quirks.filters_differ else kept
    )
    return DenseTerms(
        confidence=masked_mean(masked_row_means(weighted, kept_weighted), groups),
        regression=masked_mean(masked_row_means(error, kept), groups),
        gradient=masked_mean(_gradient_term(maps, options.gradient), groups),
    )


def _gradient_term(maps: Maps, term: GradientTerm) -> Tensor:
    """(G,)."""
    if term is GradientTerm.NONE:
        return maps.prediction.flatten(1).sum(dim=1) * 0
    if term.of_normals:
        return mean_over_scales(
            lambda scaled: normal_loss(scaled, weighted=term.weighted), maps, NORMAL_SCALES
        )
    return mean_over_scales(
        lambda scaled: gradient_loss(scaled, weighted=term.weighted), maps, GRADIENT_SCALES
    )
