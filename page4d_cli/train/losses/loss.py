"""What a loss is: options with a weight, which give the terms of a step.

A new loss is a file in this folder with a frozen dataclass of this kind, and a field of
`options.LossOptions`; its keys of the configuration, its weight, its curves and its head, if it
needs one, follow from that.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from page4d_cli.core.errors import InputError
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.predictions import Predictions
from page4d_cli.train.losses.quirks import Quirks

_STD = 0.01
"""Deviation of the random weights of heads for training."""


@dataclass(frozen=True)
class Comparison:
    """What the network says of a batch, beside what is true."""

    predictions: Predictions
    """In float32, on the batch's device."""
    batch: Batch
    """What is true, at unit scale, as `normalise` leaves it."""
    pose_encodings: Tensor
    """(B, S, 9) of the batch's cameras."""
    quirks: Quirks
    dense_frames: slice
    """Frames that the maps of the predictions are of."""
    in_metres: Batch | None = None
    """The batch before `normalise`."""


@dataclass(frozen=True)
class LossTerms:
    """What a loss gives for a step."""

    total: Tensor
    """Scalar, to be weighted."""
    terms: dict[str, Tensor]
    """Scalars to be recorded, by name."""


class TrainingHead(nn.Module):
    """A head that only training has: a linear map for each of some layers.

    Args:
        width: channels of a layer's output, 2C.
        numbers: that are predicted, N.
        layers: of the aggregator, from 0.
        of_patches: read the patch tokens, not the camera token.
    """

    def __init__(
        self, width: int, numbers: int, layers: Sequence[int], *, of_patches: bool = False
    ) -> None:
        super().__init__()
        self.of_patches = of_patches
        self.maps = nn.ModuleDict({str(layer): _linear(width, numbers) for layer in layers})

    def forward(self, layer: int, tokens: Tensor, patch_start: int) -> Tensor | None:
        """What is predicted of a layer: (B, S, N), or (B, S, patches, N); None if it is not read.

        Args:
            layer: from 0.
            tokens: (B, S, P, 2C), all of the layer.
            patch_start: index of the first patch token.
        """
        if str(layer) not in self.maps:
            return None
        read = tokens[:, :, patch_start:] if self.of_patches else tokens[:, :, 0]
        with torch.autocast(tokens.device.type, enabled=False):  # as the other heads
            predicted: Tensor = self.maps[str(layer)](read.float())
        return predicted


def _linear(width: int, numbers: int) -> nn.Linear:
    linear = nn.Linear(width, numbers)
    nn.init.normal_(linear.weight, std=_STD)
    nn.init.zeros_(linear.bias)
    return linear


class Loss(ABC):
    """A part of the objective."""

    weight: float
    """Weight of the loss in the objective."""

    @abstractmethod
    def compare(self, given: Comparison) -> LossTerms | None:
        """The terms of a step, without waiting for the device; None if nothing predicts them."""

    def head(self, width: int) -> TrainingHead | None:  # noqa: ARG002 - of those that have one
        """A new head whose output `given.predictions.heads` holds by the loss's name.

        Args:
            width: channels of a layer's output, 2C.
        """
        return None


def require_layers(name: str, layers: Sequence[int]) -> None:
    """Refuse layers that are none, or not in ascending order from 0.

    Raises:
        InputError: they are.
    """
    if not layers or list(layers) != sorted(set(layers)) or layers[0] < 0:
        raise InputError(f"{name} is {list(layers)}; give one or more from 0, ascending")


def require_weight(name: str, value: float) -> None:
    """Refuse a weight that is negative or not finite.

    Raises:
        InputError: it is.
    """
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} is {value}; give a finite number that is not negative")
