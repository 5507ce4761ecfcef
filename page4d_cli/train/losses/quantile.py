"""Leave out the largest errors: wrong labels, mostly."""

import torch
from torch import Tensor

FEWEST = 1000
"""What would leave no more than this many pixels is not filtered."""


def quantile_mask(errors: Tensor, mask: Tensor, valid_range: float) -> Tensor:
    """Which of the masked entries lie strictly below the quantile of their row.

    The threshold is the entry of rank round(valid_range · (n - 1)), counted from 0 and rounded half
    to even, of the n masked ones. Rows are sorted rather than selected from, because selection
    would need n on the host. (The original draws a random 10⁶ of more than 10⁸ pixels first; all
    are used here.)

    Args:
        errors: (G, N), finite where masked.
        mask: (G, N) bool.
        valid_range: share in (0, 1]; 1 keeps all.

    Returns:
        (G, N) bool, within `mask`.
    """
    if valid_range == 1:
        return mask
    errors = errors.detach()
    count = mask.sum(dim=1, keepdim=True)
    ordered = torch.where(mask, errors, torch.inf).sort(dim=1).values
    # fp32 is too coarse for ranks in the millions, but Apple's GPUs have nothing finer.
    exact = torch.float32 if errors.device.type == "mps" else torch.float64
    rank = (valid_range * (count - 1).to(exact)).round().long().clamp(min=0)
    below = mask & (errors < ordered.gather(1, rank))
    enough = below.sum(dim=1, keepdim=True) > FEWEST
    return torch.where(enough, below, mask)
