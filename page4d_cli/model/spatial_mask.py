"""The spatial mask head of PAGE-4D (arXiv 2510.17568): one value per patch, low where things move.

The value biases the attention of camera and register tokens, so that moving patches count less for
the cameras while the patches themselves still see one another. This file is the head alone:

- `model/config.py`: `SpatialMaskConfig` says the layer it reads and the global blocks it biases;
- `model/aggregator.py`: `iterate` makes the bias and hands it to those blocks;
- `model/layers/attention.py`: `SpecialRowBias` is how a block adds it to the logits;
- `core/enums.py`, `model/weights.py`: `MASK_STRENGTH` of a `Variant`, its strength at inference;
- `train/schedules.py`, `pipelines/train/step.py`: `MaskSchedule`, asked for it in training.
"""

import math

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from page4d_cli.model.layers.primitives import full_precision

LOGIT_SCALE = 64.0
"""Factor of the bias at full strength. A constant of the method, not the head width."""


def values_of_moving(moving: Tensor, grid: tuple[int, int]) -> Tensor:
    """The head's values in the words of somebody who knows what moves.

    0, no bias, for a patch that stands still, down to -½, the least that the head can say, for one
    that moves as a whole: where nothing moves the network is the one without a mask.

    Args:
        moving: (B, S, H, W) from 0 (still) to 1.
        grid: patches in a column and in a row.

    Returns:
        (B, S, h·w).
    """
    return -adaptive_avg_pool2d(moving, grid).flatten(2) / 2


class SpatialMaskHead(nn.Module):
    """Patch tokens to one value each in (-½, ½)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.head0 = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.GELU(),
            nn.Conv2d(width, hidden, 1),
            nn.GELU(),
            nn.Conv2d(hidden, 1, 1),
        )

    def forward(self, patch_tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """(B, h·w, C) tokens of a frame to (B, h·w) values: sigmoid(logit + mean feature) − ½.

        No gradient flows into the tokens.

        Raises:
            ValueError: the grid is a single patch, which has no spread to be standardised by.
        """
        if math.prod(grid) < 2:
            raise ValueError("the spatial mask needs pictures of more than one patch")
        maps = patch_tokens.detach().float().transpose(1, 2).unflatten(2, grid)
        centred = maps - maps.mean(dim=(2, 3), keepdim=True)
        features = centred / maps.std(dim=(2, 3), keepdim=True).clamp(min=1e-6)
        with full_precision(features):  # in training as at inference
            logits = self.head0(features)[:, 0] + features.mean(dim=1)
        return (logits.sigmoid() - 0.5).flatten(1)
