"""The transformer block: x += ls1(attn(norm1 x)); x += ls2(mlp(norm2 x))."""

import torch
from torch import Tensor, nn

from page4d_cli.model.layers.attention import Attention, SpecialRowBias
from page4d_cli.model.layers.primitives import LayerNorm, LayerScale, Mlp
from page4d_cli.model.layers.rotary import RotaryTable

TOKENS_AT_ONCE = 4096
"""How many tokens pass the MLP at once without gradients: its hidden layer is wide."""


class Block(nn.Module):
    """Pre-norm block with LayerScale over (B, N, C)."""

    def __init__(
        self,
        width: int,
        num_heads: int,
        *,
        mlp_ratio: float = 4.0,
        layer_scale: float,
        qk_norm: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width, eps=eps)
        self.attn = Attention(width, num_heads, qk_norm=qk_norm)
        self.ls1 = LayerScale(width, layer_scale)
        self.norm2 = LayerNorm(width, eps=eps)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.ls2 = LayerScale(width, layer_scale)

    def forward(
        self, x: Tensor, rotary: RotaryTable | None = None, bias: SpecialRowBias | None = None
    ) -> Tensor:
        """(B, N, C) fp32 to (B, N, C) fp32; the input is left as it is."""
        x = x + self.ls1(self.attn(self.norm1(x), rotary, bias))
        if torch.is_grad_enabled():
            return x + self.ls2(self.mlp(self.norm2(x)))
        for piece in x.flatten(0, 1).split(TOKENS_AT_ONCE):  # views of x
            piece += self.ls2(self.mlp(self.norm2(piece)))
        return x
