"""What the network says about a batch, as far as the losses compare it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class DensePrediction:
    """A map and how sure the network is of it, in float32."""

    values: Tensor
    """(B, S, H, W, C)."""
    confidence: Tensor
    """(B, S, H, W), positive."""


@dataclass(frozen=True)
class Predictions:
    """The outputs of the heads that were run; None or empty for the others."""

    pose_encodings: Sequence[Tensor] = ()
    """One (B, S, 9) a round of the camera head, last round last."""
    depth: DensePrediction | None = None
    """Depth maps, C = 1; None if their head was not run."""
    points: DensePrediction | None = None
    """Point maps, C = 3; None if their head was not run."""
    heads: Mapping[str, Sequence[Tensor]] = field(default_factory=dict)
    """What heads for training only predict, by the name of their loss: (B, S, …) a layer."""

    def __post_init__(self) -> None:
        if not self.tensors:
            raise ValueError("there is no prediction to compare")

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> "Predictions":
        """Take them out of the network's dictionary.

        Args:
            outputs: `pose_enc_list`, `depth` and `depth_conf`, `world_points` and
                `world_points_conf`, `training_heads`, as far as their heads were run. Others are
                ignored.
        """
        return cls(
            pose_encodings=outputs.get("pose_enc_list", ()),
            depth=_dense(outputs, "depth"),
            points=_dense(outputs, "world_points"),
            heads=outputs.get("training_heads", {}),
        )

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All there are."""
        maps = (one for one in (self.depth, self.points) if one is not None)
        dense = (part for one in maps for part in (one.values, one.confidence))
        of_layers = (part for parts in self.heads.values() for part in parts)
        return (*self.pose_encodings, *dense, *of_layers)

    def count_non_finite(self) -> Tensor:
        """(B,) int64: how many numbers of each sample are NaN or infinite."""
        counts = [(~one.isfinite()).flatten(1).sum(dim=1) for one in self.tensors]
        return torch.stack(counts).sum(dim=0)


def _dense(outputs: Mapping[str, Any], name: str) -> DensePrediction | None:
    if name not in outputs:
        return None
    return DensePrediction(outputs[name], outputs[f"{name}_conf"])
