"""The terms of a map that comes with a confidence: depth, points."""

from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.train.losses.bounds import bounded
from page4d_cli.train.losses.confidence import confidence_weighted
from page4d_cli.train.losses.gradient import SCALES as GRADIENT_SCALES
from page4d_cli.train.losses.gradient import gradient_loss
from page4d_cli.train.losses.maps import Maps, comparable, mean_over_scales
from page4d_cli.train.losses.masked import masked_mean, masked_row_means
from page4d_cli.train.losses.normals import SCALES as NORMAL_SCALES
from page4d_cli.train.losses.normals import normal_loss
from page4d_cli.train.losses.options import DenseLossOptions, GradientTerm, Quirks
from page4d_cli.train.losses.quantile import quantile_mask

FEWEST_VALID = 100
"""Groups with fewer valid pixels are left out."""


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
        options: gamma, alpha, filter and gradient term; `weight` is left to the caller.
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
