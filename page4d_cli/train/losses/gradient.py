"""Compare the steps between neighbouring pixels.

The scale-invariant gradient matching of MegaDepth (arXiv 1804.00607, equation 5), linear here.
"""

import torch
from torch import Tensor

from page4d_cli.train.losses.bounds import bounded
from page4d_cli.train.losses.confidence import confidence_weighted
from page4d_cli.train.losses.maps import Maps

SCALES = 4
ROWS, COLUMNS = 2, 3


def gradient_loss(maps: Maps, *, weighted: bool = False) -> Tensor:
    """|Δ(prediction - target)| along columns and rows, per valid pixel and channel.

    Args:
        maps: at one scale.
        weighted: weight each step by the confidence of its right or lower pixel.

    Returns:
        (G,); 0 where no pixel is valid.
    """
    difference = maps.prediction - maps.target
    total = _steps(difference, maps, COLUMNS, weighted=weighted) + _steps(
        difference, maps, ROWS, weighted=weighted
    )
    entries = maps.mask.flatten(1).sum(dim=1) * difference.shape[-1]
    return bounded(total / entries.clamp(min=1))


def _steps(difference: Tensor, maps: Maps, axis: int, *, weighted: bool) -> Tensor:
    """Sum (G,) of the absolute steps between valid neighbours along an axis."""
    count = difference.shape[axis] - 1
    both = maps.mask.narrow(axis, 1, count) & maps.mask.narrow(axis, 0, count)
    steps = bounded(difference.diff(dim=axis).abs())
    if weighted:
        steps = confidence_weighted(steps, maps.confidence.narrow(axis, 1, count)[..., None])
    return torch.where(both[..., None], steps, 0).flatten(1).sum(dim=1)
