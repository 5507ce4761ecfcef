"""The transformer block: x += ls1(attn(norm1 x)); x += ls2(mlp(norm2 x))."""

from torch import Tensor, nn

from page4d_cli.model.layers.attention import Attention, SpecialRowBias
from page4d_cli.model.layers.piecewise import piecewise
from page4d_cli.model.layers.primitives import LayerNorm, LayerScale, Mlp
from page4d_cli.model.layers.rotary import RotaryTable


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
        qkv = piecewise(lambda piece: self.attn.qkv(self.norm1(piece)), x)
        attended = self.attn.attend(qkv, rotary, bias)
        del qkv  # three times as large as the tokens
        x = piecewise(lambda old, new: old + self.ls1(self.attn.proj(new)), x, attended)
        del attended
        return piecewise(lambda piece: piece + self.ls2(self.mlp(self.norm2(piece))), x)
