"""A predicted map beside its target, ready to be compared."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.train.losses.bounds import LIMIT, bounded
from page4d_cli.train.losses.quirks import Quirks

HUGE = 1e9
"""Predictions are clamped here, so that fp32 holds their products. Their errors being bounded by
much less, nothing is learned from them anyway."""


@dataclass(frozen=True)
class Maps:
    """G groups of F frames; the pixels of a group share quantile and mean.

    Finite everywhere: where `mask` is False, the values are stand-ins without gradient.
    """

    prediction: Tensor
    """(G, F, H, W, C)."""
    target: Tensor
    """(G, F, H, W, C)."""
    confidence: Tensor
    """(G, F, H, W)."""
    mask: Tensor
    """(G, F, H, W) bool."""

    def every(self, step: int) -> "Maps":
        """Each step-th row and column."""
        rows_columns = (slice(None), slice(None), slice(None, None, step), slice(None, None, step))
        return Maps(
            self.prediction[rows_columns],
            self.target[rows_columns],
            self.confidence[rows_columns],
            self.mask[rows_columns],
        )


def comparable(
    prediction: Tensor, target: Tensor, confidence: Tensor, usable: Tensor, quirks: Quirks
) -> Maps:
    """Mask what cannot be compared, and group the rest.

    Args:
        prediction: (B, S, H, W, C).
        target: (B, S, H, W, C), finite where usable.
        confidence: (B, S, H, W).
        usable: (B, S, H, W) bool.
        quirks: those about far targets and pooling apply.
    """
    mask = usable & prediction.isfinite().all(dim=-1) & confidence.isfinite()
    if not quirks.far_targets_clamped:
        mask = mask & (torch.linalg.vector_norm(target, dim=-1) <= LIMIT)
    parts = (
        torch.where(mask[..., None], prediction, 0).clamp(-HUGE, HUGE),
        bounded(torch.where(mask[..., None], target, 0)),
        torch.where(mask, confidence, 1).clamp(max=HUGE),
        mask,
    )
    if quirks.pixels_pooled:
        return Maps(*(part.flatten(0, 1)[None] for part in parts))
    return Maps(*parts)


def mean_over_scales(loss: Callable[[Maps], Tensor], maps: Maps, scales: int) -> Tensor:
    """Mean of a loss (G,) at full, half, quarter … resolution, by taking every 2^k-th pixel."""
    return torch.stack([loss(maps.every(2**k)) for k in range(scales)]).mean(dim=0)
