"""The patch embedder: a DINOv2 vision transformer with registers (arXiv 2304.07193, 2309.16588)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from page4d_cli.model.config import ModelConfig
from page4d_cli.model.layers.block import Block
from page4d_cli.model.layers.primitives import LayerNorm

EPS = 1e-6
LAYER_SCALE = 1.0


class PatchProjection(nn.Module):
    """Patches of p × p pixels to tokens, by one convolution with stride p."""

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, h·w, C) fp32, row by row."""
        return self.proj(images.to(self.proj.weight.dtype)).flatten(2).transpose(1, 2).float()


class PatchEmbed(nn.Module):
    """Normalised pixels to patch tokens."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.patch_embed.width
        native = config.image_size // config.patch_size
        self.native_grid = (native, native)
        self.patch_embed = PatchProjection(config.patch_size, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, native * native + 1, width))
        registers = config.patch_embed.num_register_tokens
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # in the checkpoints, without a use
        self.blocks = nn.ModuleList(
            Block(
                width,
                config.patch_embed.num_heads,
                mlp_ratio=config.mlp_ratio,
                layer_scale=LAYER_SCALE,
                eps=EPS,
            )
            for _ in range(config.patch_embed.depth)
        )
        self.norm = LayerNorm(width, eps=EPS)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, h·w, C) fp32."""
        patch = self.patch_embed.proj.kernel_size[0]
        grid = (images.shape[-2] // patch, images.shape[-1] // patch)
        class_position, patch_positions = self._positions(grid)
        x = self.patch_embed(images) + patch_positions
        special = torch.cat((self.cls_token + class_position, self.register_tokens), dim=1)
        x = torch.cat((special.expand(len(x), -1, -1), x), dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, special.shape[1] :])

    def _positions(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Position of the class token (1, 1, C) and of the patches (1, h·w, C)."""
        class_position, patches = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        if grid == self.native_grid:
            return class_position, patches
        square = patches.float().unflatten(1, self.native_grid).permute(0, 3, 1, 2)
        resized = functional.interpolate(
            square, size=grid, mode="bicubic", antialias=True, align_corners=False
        )
        return class_position, resized.flatten(2).transpose(1, 2)
