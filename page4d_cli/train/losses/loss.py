"""What a loss is: options with a weight, which give the terms of a step.

A new loss is a file in this folder with a frozen dataclass of this kind, and a field of
`options.LossOptions`; its keys of the configuration, its weight, its curves and its head, if it
needs one, follow from that.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from page4d_cli.core.errors import InputError
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.predictions import Predictions
from page4d_cli.train.losses.quirks import Quirks


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
    world_extrinsics: Tensor | None = None
    """(B, S, 3, 4) T_camera_world in metres, before `normalise`."""


@dataclass(frozen=True)
class LossTerms:
    """What a loss gives for a step."""

    total: Tensor
    """Scalar, to be weighted."""
    terms: dict[str, Tensor]
    """Scalars to be recorded, by name."""


class TrainingHead(nn.Module, ABC):
    """A head that only training has: reads the camera tokens of a layer."""

    layer: int
    """Layer of the aggregator, from 0, whose camera tokens are read."""

    @abstractmethod
    def forward(self, camera_tokens: Tensor) -> Tensor:
        """What the head predicts (B, S, …), from camera tokens (B, S, 2C)."""


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


def require_weight(name: str, value: float) -> None:
    """Refuse a weight that is negative or not finite.

    Raises:
        InputError: it is.
    """
    if not 0 <= value < float("inf"):
        raise InputError(f"{name} is {value}; give a finite number that is not negative")
