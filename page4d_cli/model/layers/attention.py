"""Multi-head self-attention with optional q/k norm, rotary positions and a bias of rank 1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from page4d_cli.model.layers.primitives import LayerNorm, Linear
from page4d_cli.model.layers.rotary import RotaryTable

TOKENS_AT_ONCE = 2048
"""How many tokens are normalised and turned at once without gradients: bounds the memory."""


@dataclass(frozen=True)
class SpecialRowBias:
    """A bias on the attention logits that only camera and register tokens feel, in all frames.

    The logit of query i and key j gets `key_bias[j]` if i is a special token and nothing if it is a
    patch. So patches take plain attention, and a second small attention serves the special rows:
    the same mathematics without an N × N matrix.
    """

    key_bias: Tensor
    """(B, N), in units of the logit."""
    special_tokens: Tensor
    """(K,) positions of the special tokens among the N."""


class Attention(nn.Module):
    """Self-attention over (B, N, C); logits are scaled by 1/√(C/heads)."""

    def __init__(self, width: int, num_heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qk_norm = qk_norm
        head_width = width // num_heads
        self.qkv = Linear(width, 3 * width)
        self.q_norm = LayerNorm(head_width) if qk_norm else nn.Identity()
        self.k_norm = LayerNorm(head_width) if qk_norm else nn.Identity()
        self.proj = Linear(width, width)

    def forward(
        self, x: Tensor, rotary: RotaryTable | None = None, bias: SpecialRowBias | None = None
    ) -> Tensor:
        """(B, N, C) to (B, N, C). `rotary` holds the table of the N tokens."""
        return self.proj(self.attend(self.qkv(x), rotary, bias))

    def attend(
        self, qkv: Tensor, rotary: RotaryTable | None = None, bias: SpecialRowBias | None = None
    ) -> Tensor:
        """From the first linear layer to the second: (B, N, 3C), perhaps overwritten, to (B, N, C).

        The rows of `qkv` are [q | k | v], each head by head.
        """
        query, key, value = qkv.unflatten(-1, (3, self.num_heads, -1)).unbind(2)
        if self.qk_norm or rotary is not None:
            query = _normalise_and_turn(query, self.q_norm, rotary)
            key = _normalise_and_turn(key, self.k_norm, rotary)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        out = functional.scaled_dot_product_attention(query, key, value)  # (B, heads, N, D)
        if bias is not None:
            rows = _special_rows(query, key, value, bias)
            copy = out.index_copy if torch.is_grad_enabled() else out.index_copy_
            out = copy(2, bias.special_tokens, rows)
        return out.transpose(1, 2).flatten(2)


def _normalise_and_turn(heads: Tensor, norm: nn.Module, rotary: RotaryTable | None) -> Tensor:
    """Norm in fp32 and turn (B, N, heads, D); piecewise and in place without gradients."""

    def prepared(piece: Tensor, table: RotaryTable | None) -> Tensor:
        normalised: Tensor = norm(piece)
        return normalised if table is None else table.rotate(normalised)

    if torch.is_grad_enabled():
        return prepared(heads, rotary).to(heads.dtype)
    sequences_at_once = max(1, TOKENS_AT_ONCE // heads.shape[1])
    for sequences in heads.split(sequences_at_once):
        for begin in range(0, heads.shape[1], TOKENS_AT_ONCE):
            tokens = slice(begin, begin + TOKENS_AT_ONCE)
            table = None if rotary is None else rotary[tokens]
            sequences[:, tokens] = prepared(sequences[:, tokens], table)
    return heads


def _special_rows(query: Tensor, key: Tensor, value: Tensor, bias: SpecialRowBias) -> Tensor:
    """Attention of the special tokens alone, with the bias: (B, heads, K, D)."""
    return functional.scaled_dot_product_attention(
        query[:, :, bias.special_tokens],
        key,
        value,
        attn_mask=bias.key_bias[:, None, None].to(query.dtype),
    )
