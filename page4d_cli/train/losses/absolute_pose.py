"""Where each camera is in the world, said by the camera tokens of some layers, in training only.

Scenes that share a room let a network recognise its place from a single picture. That is learned at
once, while the pose of one frame against another, all that the network itself is asked for, stays
at "no motion" for long: it is a product of two unknowns. Being asked for the absolute pose in the
middle of the network makes it compute the factors.
"""

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

WIDTH = 12
"""Nine numbers of the rotation matrix, three of the position."""


@dataclass(frozen=True)
class AbsolutePoseOptions(Loss):
    """What the head reads, and how much it counts."""

    layers: tuple[int, ...]
    """Layers of the aggregator, from 0, whose camera tokens are read; the term is their mean."""
    weight: float = 3.0
    """Weight of the mean absolute difference in the objective."""

    def __post_init__(self) -> None:
        require_layers("absolute_pose.layers", self.layers)
        require_weight("absolute_pose.weight", self.weight)

    def compare(self, given: Comparison) -> LossTerms | None:
        """`loss_absolute_pose`."""
        of_layers = given.predictions.heads.get("absolute_pose")
        if of_layers is None or given.in_metres is None:
            return None
        extrinsics = given.in_metres.extrinsics
        loss = torch.stack([absolute_pose_loss(poses, extrinsics) for poses in of_layers]).mean()
        return LossTerms(loss, {"loss_absolute_pose": loss})

    def head(self, width: int) -> TrainingHead:
        """The head, with random weights from torch's seed."""
        return TrainingHead(width, WIDTH, self.layers)


def absolute_pose_loss(poses: Tensor, extrinsics: Tensor) -> Tensor:
    """Mean absolute difference to the true poses.

    Args:
        poses: (B, S, 12) as the head gives them.
        extrinsics: (B, S, 3, 4) T_camera_world in metres, not normalised.
    """
    rotation, translation = extrinsics.split((3, 1), dim=-1)
    position = -(rotation.mT @ translation)[..., 0]
    return (poses - torch.cat((rotation.flatten(-2), position), dim=-1)).abs().mean()
