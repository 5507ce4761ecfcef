"""Apply a function of single tokens without ever holding its intermediate results for all."""

from collections.abc import Callable

import torch
from torch import Tensor

TOKENS_AT_ONCE = 4096
"""Enough to keep a device busy; the widest intermediate result has four times the channels."""


def piecewise(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Apply a function that treats every token alike, a few thousand tokens at a time.

    With gradients enabled everything is needed for the way back, and nothing is cut.

    Args:
        function: maps tensors (n, C_i) of n tokens to one of (n, C_out).
        tensors: (B, N, C_i) each.

    Returns:
        (B, N, C_out).
    """
    if torch.is_grad_enabled():
        return function(*tensors)
    flat = [tensor.flatten(0, 1) for tensor in tensors]
    result: Tensor | None = None
    for begin in range(0, len(flat[0]), TOKENS_AT_ONCE):
        tokens = slice(begin, begin + TOKENS_AT_ONCE)
        piece = function(*(tensor[tokens] for tensor in flat))
        if result is None:
            result = piece.new_empty(len(flat[0]), piece.shape[-1])
        result[tokens] = piece
    assert result is not None  # a picture has tokens
    return result.unflatten(0, tensors[0].shape[:2])
