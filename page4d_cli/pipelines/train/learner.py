"""The network together with what only its training needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from page4d_cli.core.enums import Head
from page4d_cli.model.aggregator import LayerTokens
from page4d_cli.model.network import EVERY_FRAME, Page4D
from page4d_cli.train.losses.loss import Loss


class Learner(nn.Module):
    """One module for all that learns, so that processes exchange all gradients in one go.

    Args:
        network: what comes out of training.
        losses: those that are on, by name. Those that need a head for training get one; heads of
            the network that none of them compares are not run.
        seed: of these heads' random weights.
    """

    def __init__(self, network: Page4D, losses: Mapping[str, Loss], seed: int) -> None:
        super().__init__()
        self.network = network
        self.compared = tuple(head for head in Head if head.value in losses)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = {name: loss.head(2 * network.config.width) for name, loss in losses.items()}
        self.heads = nn.ModuleDict({name: head for name, head in made.items() if head is not None})

    @property
    def named_parts(self) -> nn.Module:
        """The same parts under one roof, the network's under their own names, for patterns."""
        heads = {f"{name}_head": head for name, head in self.heads.items()}
        return nn.ModuleDict({**dict(self.network.named_children()), **heads})

    def forward(
        self, images: Tensor, *, mask_strength: float, dense_frames: slice = EVERY_FRAME
    ) -> dict[str, Tensor | Sequence[Tensor]]:
        """The network's outputs and, if there are, `training_heads`.

        These are what the heads predict, by loss, layer after layer.
        """
        start = self.network.aggregator.patch_start_idx
        predicted: dict[str, list[Tensor]] = {}

        def on_layer(layer: LayerTokens) -> None:
            for name, head in self.heads.items():
                said = head(layer.index, layer.concatenated(), start)
                if said is not None:
                    predicted.setdefault(name, []).append(said)

        outputs: dict[str, Any] = self.network(
            images,
            heads=self.compared,
            mask_strength=mask_strength,
            dense_frames=dense_frames,
            on_layer=on_layer,
        )
        return outputs | ({"training_heads": predicted} if predicted else {})
