"""What several test files share: the sizes of the oracle's small network and its measure."""

import json
from pathlib import Path

import torch

from page4d_cli.model.config import CameraHeadConfig, DPTConfig, ModelConfig, PatchEmbedConfig

ORACLE = Path(__file__).parents[1] / "oracle"


def oracle_config() -> ModelConfig:
    sizes = json.loads((ORACLE / "config.json").read_text())
    return ModelConfig(
        image_size=sizes["img_size"],
        patch_size=sizes["patch_size"],
        width=sizes["embed_dim"],
        depth=sizes["depth"],
        num_heads=sizes["num_heads"],
        mlp_ratio=sizes["mlp_ratio"],
        num_register_tokens=sizes["num_register_tokens"],
        patch_embed=PatchEmbedConfig(
            width=sizes["patch_embed"]["embed_dim"],
            depth=sizes["patch_embed"]["depth"],
            num_heads=sizes["patch_embed"]["num_heads"],
            num_register_tokens=sizes["patch_embed"]["num_register_tokens"],
        ),
        camera_head=CameraHeadConfig(**sizes["camera_head"]),
        dpt_head=DPTConfig(
            features=sizes["dpt_head"]["features"],
            out_channels=tuple(sizes["dpt_head"]["out_channels"]),
            layers=tuple(sizes["dpt_head"]["layers"]),
        ),
    )


def relative_difference(result: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference over largest value, the measure of the oracle."""
    return ((result - expected).abs().max() / expected.abs().max()).item()
