"""Dense heads after DPT (arXiv 2103.13413): four layers of tokens to one map per frame."""

from collections.abc import Sequence
from enum import Enum

import torch
from torch import Tensor, nn
from torch.nn import functional

from page4d_cli.model.config import ModelConfig
from page4d_cli.model.heads.fusion import Fusion
from page4d_cli.model.heads.uv_position import add_position
from page4d_cli.model.layers.primitives import LayerNorm, full_precision


class DenseOutput(Enum):
    """What the last convolution's channels mean; the very last one is the confidence's logit."""

    DEPTH = 1
    """exp(x): planar depth."""
    POINT = 3
    """sign(x)·(exp|x| − 1): a point in the world."""

    def decode(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """(..., value + 1) channels to values (..., value) and confidence 1 + exp(logit) (...)."""
        values, logit = channels[..., :-1], channels[..., -1]
        decoded = (
            values.exp() if self is DenseOutput.DEPTH else values.sign() * values.abs().expm1()
        )
        return decoded, 1 + logit.exp()


class Projection(nn.Conv2d):
    """A 1×1 convolution, stored as one, computed as the linear layer over tokens that it is."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__(width, out, kernel_size=1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., N, C_in) to (..., N, C_out)."""
        return functional.linear(tokens, self.weight.flatten(1), self.bias)


class DPTHead(nn.Module):
    """Reads four layers; computes in fp32.

    The work comes in two halves, so that the wide tokens need not be kept: `project` reduces one
    layer as soon as it exists, `decode` turns the four reduced maps of some frames into the result.
    """

    def __init__(self, config: ModelConfig, output: DenseOutput) -> None:
        super().__init__()
        self.output = output
        self.layers = config.dpt_head.layers
        self.patch_size = config.patch_size
        width, channels = 2 * config.width, config.dpt_head.out_channels
        self.norm = LayerNorm(width)
        self.projects = nn.ModuleList(Projection(width, out) for out in channels)
        self.resize_layers = nn.ModuleList(
            (
                nn.ConvTranspose2d(channels[0], channels[0], kernel_size=4, stride=4),
                nn.ConvTranspose2d(channels[1], channels[1], kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(channels[3], channels[3], 3, stride=2, padding=1),
            )
        )
        self.scratch = Fusion(channels, config.dpt_head.features, output.value + 1)

    def forward(
        self,
        aggregated_tokens_list: Sequence[Tensor | None],
        images: Tensor,
        patch_start_idx: int,
        frames_chunk_size: int = 8,
    ) -> tuple[Tensor, Tensor]:
        """Values (B, S, H, W, channels) and confidence (B, S, H, W) from the list of layers."""
        image_size = (images.shape[-2], images.shape[-1])
        chunks = []
        for begin in range(0, images.shape[1], frames_chunk_size):
            frames = slice(begin, begin + frames_chunk_size)
            maps = []
            for layer in self.layers:
                tokens = aggregated_tokens_list[layer]
                if tokens is None:
                    raise ValueError(f"this head reads layer {layer}, which was not kept")
                patches = tokens[:, frames, patch_start_idx:]
                maps.append(self.project(layer, patches, image_size))
            chunks.append(self.decode(maps, image_size))
        values, confidences = zip(*chunks, strict=True)
        return torch.cat(values, dim=1), torch.cat(confidences, dim=1)

    def project(self, layer: int, patch_tokens: Tensor, image_size: tuple[int, int]) -> Tensor:
        """Reduce the patch tokens (B, S, h·w, 2C) of one layer to a map (B, S, C_k, h, w)."""
        grid = (image_size[0] // self.patch_size, image_size[1] // self.patch_size)
        with full_precision(patch_tokens):
            tokens = self.projects[self.layers.index(layer)](self.norm(patch_tokens))
        maps = tokens.transpose(-1, -2).unflatten(-1, grid)
        return add_position(maps.contiguous(), image_size)

    def decode(self, maps: Sequence[Tensor], image_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Fuse the four maps (B, S, C_k, h, w) to values (B, S, H, W, channels) and confidence."""
        with full_precision(maps[0]):
            resized = [
                resize(one.flatten(0, 1))
                for resize, one in zip(self.resize_layers, maps, strict=True)
            ]
            x = self.scratch.fuse(resized)
            x = functional.interpolate(x, size=image_size, mode="bilinear", align_corners=True)
            x = self.scratch.output_conv2(add_position(x, image_size))
        return self.output.decode(x.permute(0, 2, 3, 1).unflatten(0, maps[0].shape[:2]))
