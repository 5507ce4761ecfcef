"""The network together with what only its training needs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from page4d_cli.model.aggregator import LayerTokens
from page4d_cli.model.network import EVERY_FRAME, Page4D
from page4d_cli.train.losses.absolute_pose import AbsolutePoseHead, AbsolutePoseOptions

ABSOLUTE_POSE = "absolute_pose_head"


class Learner(nn.Module):
    """One module for all that learns, so that processes exchange all gradients in one go.

    Args:
        network: what comes out of training.
        options: of the head for absolute poses, if there is to be one.
        seed: of that head's random weights.
    """

    def __init__(self, network: Page4D, options: AbsolutePoseOptions | None, seed: int) -> None:
        super().__init__()
        self.network = network
        self.absolute_pose_layer = None if options is None else options.layer
        self.absolute_pose_head: AbsolutePoseHead | None = None
        if options is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.absolute_pose_head = AbsolutePoseHead(2 * network.config.width)

    @property
    def named_parts(self) -> nn.Module:
        """The same parts under one roof, the network's under their own names, for patterns."""
        roof = nn.Module()
        parts = [*self.network.named_children(), (ABSOLUTE_POSE, self.absolute_pose_head)]
        for name, part in parts:
            roof.add_module(name, part)
        return roof

    def forward(
        self, images: Tensor, *, mask_strength: float, dense_frames: slice = EVERY_FRAME
    ) -> dict[str, Tensor | Sequence[Tensor]]:
        """The network's outputs and, if there is a head for it, `absolute_pose` (B, S, 12)."""
        camera_tokens: list[Tensor] = []

        def on_layer(layer: LayerTokens) -> None:
            if layer.index == self.absolute_pose_layer:
                both = (layer.frame_tokens[:, :, 0], layer.global_tokens[:, :, 0])
                camera_tokens.append(torch.cat(both, dim=-1))

        outputs: dict[str, Any] = self.network(
            images, mask_strength=mask_strength, dense_frames=dense_frames, on_layer=on_layer
        )
        if self.absolute_pose_head is not None:
            outputs["absolute_pose"] = self.absolute_pose_head(camera_tokens[0])
        return outputs
