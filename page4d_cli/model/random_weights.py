"""Random weights: the start of training from scratch, and the network of demos and tests."""

import torch
from torch import nn

from page4d_cli.model.config import (
    CameraHeadConfig,
    DPTConfig,
    ModelConfig,
    PatchEmbedConfig,
    SpatialMaskConfig,
)
from page4d_cli.model.heads.camera import CameraHead
from page4d_cli.model.layers.primitives import LayerScale
from page4d_cli.model.network import Page4D

STD = 0.02
POSE_STD = 0.001
FIELD_OF_VIEW = 1.0
"""Radians, both ways, from which training starts."""

RANDOM_CONFIG = ModelConfig(
    width=64,
    depth=4,
    num_heads=4,
    patch_embed=PatchEmbedConfig(width=64, depth=2, num_heads=4),
    camera_head=CameraHeadConfig(trunk_depth=2, num_heads=4),
    dpt_head=DPTConfig(features=32, out_channels=(16, 32, 64, 64), layers=(0, 1, 2, 3)),
    spatial_mask=SpatialMaskConfig(source_layer=1, first_layer=2, last_layer=3, hidden=16),
)
"""The network of the weights named `random`."""


def random_model(
    config: ModelConfig,
    seed: int,
    *,
    mask_strength: float = 0.0,
    layer_scale: float | None = None,
) -> Page4D:
    """A network with random weights, the same for the same seed; torch's own seed is left alone.

    Linear layers, tokens and the position embedding: normal with deviation 0.02 (the truncation
    that DINOv2 writes lies a hundred deviations out). Biases 0, norms 1, LayerScale as configured,
    convolutions as PyTorch starts them. The cameras start close to the first frame's, with a field
    of view of one radian.

    Args:
        config: sizes.
        seed: of all random numbers.
        mask_strength: a ∈ [0, 1] of the spatial mask.
        layer_scale: of the aggregator's blocks and the camera head's, instead of the network's own
            0.01, from which a small network takes long to wake up.

    Returns:
        The network on the CPU in fp32, in training mode.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = Page4D(config, mask_strength=mask_strength)
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=STD)
                nn.init.zeros_(module.bias)
        embedder = model.aggregator.patch_embed
        for token in (
            model.aggregator.camera_token,
            model.aggregator.register_token,
            embedder.cls_token,
            embedder.register_tokens,
            embedder.pos_embed,
        ):
            nn.init.normal_(token, std=STD)
        if model.camera_head is not None:
            _start_cameras(model.camera_head)
        if layer_scale is not None:
            for name, module in model.named_modules():
                if isinstance(module, LayerScale) and ".patch_embed." not in name:
                    nn.init.constant_(module.gamma, layer_scale)
    return model


def _start_cameras(head: CameraHead) -> None:
    """Let the sum over the rounds start at no translation, no rotation and one radian."""
    last = head.pose_branch.fc2
    nn.init.normal_(last.weight, std=POSE_STD)
    start = torch.tensor([0.0, 0, 0, 0, 0, 0, 1, FIELD_OF_VIEW, FIELD_OF_VIEW])
    last.bias.copy_(start / head.num_iterations)
