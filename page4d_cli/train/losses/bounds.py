"""Limits that every error passes."""

from torch import Tensor

LIMIT = 100.0
"""No single error counts for more; normalised scenes are about 1 wide."""


def bounded(values: Tensor) -> Tensor:
    """Clamp to ±LIMIT. Beyond it the gradient is 0."""
    return values.clamp(-LIMIT, LIMIT)
