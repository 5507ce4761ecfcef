"""Where the middle of each patch is, said by the patch tokens of some layers, in training only.

A picture has one pose but dozens of patches, and a place on a wall is easier to recognise than one
in the air: asked for their places beside the absolute pose (`absolute_pose.py`), a network finds
its own in fewer steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.train.losses.loss import (
    Comparison,
    Loss,
    LossTerms,
    TrainingHead,
    require_layers,
    require_weight,
)
from page4d_cli.train.losses.masked import masked_mean

WIDTH = 6
"""Three numbers in the world, three in the frame and unit of the clip."""


@dataclass(frozen=True)
class PlacesOptions(Loss):
    """What the head reads, and how much it counts."""

    layers: tuple[int, ...]
    """Layers of the aggregator, from 0, whose patch tokens are read; the term is their mean."""
    weight: float = 1.0
    """Weight of the mean distance in the objective: in the world, in metres, and in the first
    camera's frame, in the unit of the normalised clip. The latter asks every patch for what the
    camera alone would be asked for: one frame's pose against another's, and the unit."""

    def __post_init__(self) -> None:
        require_layers("places.layers", self.layers)
        require_weight("places.weight", self.weight)

    def compare(self, given: Comparison) -> LossTerms | None:
        """`loss_places`."""
        of_layers = given.predictions.heads.get("places")
        if of_layers is None or given.in_metres is None:
            return None
        points = given.in_metres.world_points, given.batch.world_points
        usable = given.in_metres.usable
        loss = torch.stack([places_loss(places, points, usable) for places in of_layers]).mean()
        return LossTerms(loss, {"loss_places": loss})

    def head(self, width: int) -> TrainingHead:
        """The head, with random weights from torch's seed."""
        return TrainingHead(width, WIDTH, self.layers, of_patches=True)


def places_loss(places: Tensor, world_points: Sequence[Tensor], usable: Tensor) -> Tensor:
    """Mean distance to the true places of the patches' middles, where they are known.

    Args:
        places: (B, S, N, 6) as the head gives them.
        world_points: two of (B, S, H, W, 3), in metres and normalised.
        usable: (B, S, H, W) bool.
    """
    patch = round((usable[0, 0].numel() / places.shape[2]) ** 0.5)
    middles = slice(patch // 2, None, patch)
    known = usable[:, :, middles, middles].flatten(2)
    losses = []
    for said, points in zip(places.split(3, dim=-1), world_points, strict=True):
        true = points[:, :, middles, middles].flatten(2, 3)
        difference = said - torch.where(known[..., None], true, 0)
        losses.append(masked_mean(torch.linalg.vector_norm(difference, dim=-1), known))
    return torch.stack(losses).sum()
