"""RefineNet-style fusion of a coarse map with a finer one (arXiv 1611.06612, as used by DPT)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 32
"""Channels between the last two convolutions."""


class ResidualConvUnit(nn.Module):
    """Two 3×3 convolutions around r = relu(x); the sum adds r, not x, as the checkpoints expect."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, rows, columns) to the same shape."""
        rectified = functional.relu(x)
        out: Tensor = self.conv2(functional.relu(self.conv1(rectified))) + rectified
        return out


class FusionBlock(nn.Module):
    """Add the refined skip map, refine, and resize."""

    def __init__(self, features: int, *, has_skip: bool) -> None:
        super().__init__()
        if has_skip:
            self.resConfUnit1 = ResidualConvUnit(features)
        self.resConfUnit2 = ResidualConvUnit(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(
        self, x: Tensor, skip: Tensor | None = None, *, size: torch.Size | tuple[int, int]
    ) -> Tensor:
        """(B, C, rows, columns) to (B, C, *size)."""
        if skip is not None:
            x = x + self.resConfUnit1(skip)
        x = self.resConfUnit2(x)
        x = functional.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
        out: Tensor = self.out_conv(x)
        return out


class Fusion(nn.Module):
    """Four maps, finest first, to one map of twice the finest size, and the last convolutions."""

    def __init__(self, channels: tuple[int, int, int, int], features: int, out: int) -> None:
        super().__init__()
        self.layer1_rn = _to_features(channels[0], features)
        self.layer2_rn = _to_features(channels[1], features)
        self.layer3_rn = _to_features(channels[2], features)
        self.layer4_rn = _to_features(channels[3], features)
        self.refinenet1 = FusionBlock(features, has_skip=True)
        self.refinenet2 = FusionBlock(features, has_skip=True)
        self.refinenet3 = FusionBlock(features, has_skip=True)
        self.refinenet4 = FusionBlock(features, has_skip=False)
        self.output_conv1 = nn.Conv2d(features, features // 2, 3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(features // 2, HIDDEN, 3, padding=1), nn.ReLU(), nn.Conv2d(HIDDEN, out, 1)
        )

    def fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Four maps (B, C_k, rows_k, columns_k) to (B, features / 2, 2·rows_1, 2·columns_1)."""
        level1, level2, level3 = (
            self.layer1_rn(maps[0]),
            self.layer2_rn(maps[1]),
            self.layer3_rn(maps[2]),
        )
        x = self.refinenet4(self.layer4_rn(maps[3]), size=level3.shape[-2:])
        x = self.refinenet3(x, level3, size=level2.shape[-2:])
        x = self.refinenet2(x, level2, size=level1.shape[-2:])
        x = self.refinenet1(x, level1, size=(2 * level1.shape[-2], 2 * level1.shape[-1]))
        return self.output_conv1(x)


def _to_features(channels: int, features: int) -> nn.Conv2d:
    return nn.Conv2d(channels, features, 3, padding=1, bias=False)
