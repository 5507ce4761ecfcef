"""Means over masked entries, without asking the device how many there are.

Where nothing is left the mean is 0, still attached to the graph, with gradient 0. Masked entries
are replaced instead of multiplied by 0, so what stands there does not matter; their gradient is
only then clean if the entry itself was computed from finite numbers.
"""

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the masked entries, a scalar.

    Args:
        values: any shape.
        mask: bool, broadcastable to it.
    """
    mask = mask.expand_as(values)
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def masked_row_means(values: Tensor, mask: Tensor, *, fewest: int = 1) -> Tensor:
    """Mean of each row's masked entries.

    Args:
        values: (G, …).
        mask: bool of the same shape.
        fewest: rows with fewer entries give 0.

    Returns:
        (G,).
    """
    count = mask.flatten(1).sum(dim=1)
    total = torch.where(mask, values, 0).flatten(1).sum(dim=1)
    return torch.where(count >= fewest, total / count.clamp(min=1), 0)
