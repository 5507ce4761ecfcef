"""Linear, normalisation and scale layers with the mixed precision of the original.

The residual stream, the norms and the scales are fp32; matrix products run in the format of their
weights. With fp32 weights under `torch.autocast` the same code gives the usual mixed precision.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def full_precision(x: Tensor) -> torch.autocast:
    """Context in which the heads compute: outside of any autocast of the caller."""
    kind = "cpu" if x.is_meta else x.device.type  # tensors without memory have no autocast
    return torch.autocast(kind, enabled=False)


class Linear(nn.Linear):
    """`nn.Linear` that brings its input to the format of its weight."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., C_in) to (..., C_out), in the weight's format."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` that always computes and answers in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C) in fp32."""
        return functional.layer_norm(
            x.float(), self.normalized_shape, self.weight, self.bias, self.eps
        )


class LayerScale(nn.Module):
    """A learned factor per channel (arXiv 2103.17239)."""

    def __init__(self, width: int, initial: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), initial))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C) in fp32."""
        return x * self.gamma


class Mlp(nn.Module):
    """Two linear layers with the exact GELU between them."""

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width if out is None else out)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C_out)."""
        return self.fc2(functional.gelu(self.fc1(x)))
