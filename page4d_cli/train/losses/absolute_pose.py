"""Where each camera is in the world, said by one layer's camera token, in training only.

Scenes that share a room let a network recognise its place from a single picture. That is learned at
once, while the pose of one frame against another, all that the network itself is asked for, stays
at "no motion" for long: it is a product of two unknowns. Being asked for the absolute pose in the
middle of the network makes it compute the factors.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.loss import Comparison, Loss, LossTerms, TrainingHead

WIDTH = 12
"""Nine numbers of the rotation matrix, three of the position."""
STD = 0.01


@dataclass(frozen=True)
class AbsolutePoseOptions(Loss):
    """What the head reads, and how much it counts."""

    layer: int
    """Layer of the aggregator, from 0, whose camera token is read."""
    weight: float = 3.0
    """Weight of the mean absolute difference in the objective."""

    def __post_init__(self) -> None:
        if self.layer < 0 or not 0 < self.weight < float("inf"):
            raise InputError(
                f"absolute_pose: layer {self.layer}, weight {self.weight:g}; give a layer from 0 "
                "and a weight above 0"
            )

    def compare(self, given: Comparison) -> LossTerms | None:
        """`loss_absolute_pose`."""
        poses = given.predictions.heads.get("absolute_pose")
        if poses is None or given.world_extrinsics is None:
            return None
        loss = absolute_pose_loss(poses, given.world_extrinsics)
        return LossTerms(loss, {"loss_absolute_pose": loss})

    def head(self, width: int) -> "AbsolutePoseHead":
        """The head, with random weights from torch's seed."""
        return AbsolutePoseHead(width, self.layer)


class AbsolutePoseHead(TrainingHead):
    """One linear map.

    Args:
        width: channels of a layer's output, 2C.
        layer: of the aggregator, from 0, that it reads.
    """

    def __init__(self, width: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.linear = nn.Linear(width, WIDTH)
        nn.init.normal_(self.linear.weight, std=STD)
        nn.init.zeros_(self.linear.bias)

    def forward(self, camera_tokens: Tensor) -> Tensor:
        """Poses (B, S, 12) from camera tokens (B, S, 2C)."""
        with torch.autocast(camera_tokens.device.type, enabled=False):  # as the other heads
            poses: Tensor = self.linear(camera_tokens.float())
        return poses


def absolute_pose_loss(poses: Tensor, extrinsics: Tensor) -> Tensor:
    """Mean absolute difference to the true poses.

    Args:
        poses: (B, S, 12) as the head gives them.
        extrinsics: (B, S, 3, 4) T_camera_world in metres, not normalised.
    """
    rotation, translation = extrinsics.split((3, 1), dim=-1)
    position = -(rotation.mT @ translation)[..., 0]
    return (poses - torch.cat((rotation.flatten(-2), position), dim=-1)).abs().mean()
