"""Run a small network on the device and compare it with itself: what holds for any weights."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.model.config import (
    CameraHeadConfig,
    DPTConfig,
    ModelConfig,
    PatchEmbedConfig,
    SpatialMaskConfig,
)
from page4d_cli.model.layers.primitives import LayerScale
from page4d_cli.model.network import Page4D
from page4d_cli.model.random_weights import random_model
from page4d_cli.model.runtime import Runtime
from page4d_cli.model.weights import WeightsInfo, assemble

SELF_TEST_CONFIG = ModelConfig(
    image_size=56,
    width=32,
    depth=4,
    num_heads=2,
    patch_embed=PatchEmbedConfig(width=32, depth=2, num_heads=2),
    camera_head=CameraHeadConfig(trunk_depth=2, num_heads=4),
    dpt_head=DPTConfig(features=16, out_channels=(8, 16, 16, 16), layers=(0, 1, 2, 3)),
    spatial_mask=SpatialMaskConfig(source_layer=1, first_layer=2, last_layer=3, hidden=16),
)
SELF_TEST_SEED = 0
TOLERANCE = {Precision.FP32: 1e-4, Precision.FP16: 1e-2, Precision.BF16: 5e-2}
"""Largest difference over the range of values that rounding may cause."""


@dataclass(frozen=True)
class SelfTestLaw:
    """Something that must hold on every platform, and by how much it does not."""

    statement: str
    deviation: float | None
    """Largest difference over the range of values; None if a result is not finite."""
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the deviation is within rounding."""
        return self.deviation is not None and self.deviation <= self.tolerance


def self_test(runtime: Runtime) -> tuple[SelfTestLaw, ...]:
    """Run a small network with a mask on the given device and compare it with itself.

    The laws need no stored numbers: they hold for any weights on any platform.
    """
    state = _lively_model().state_dict()
    reference = Runtime(torch.device("cpu"), torch.float32, "the reference")
    full = Runtime(runtime.device, torch.float32, "full precision on the device")
    generator = torch.Generator().manual_seed(SELF_TEST_SEED)
    images = torch.rand(1, 4, 3, 42, 56, generator=generator)
    with torch.inference_mode():
        on_cpu = _outputs(_place(state, reference), images)
        model = _place(state, full)
        on_device = _outputs(model, images)
        in_pieces = _outputs(model, images, frames_chunk_size=1)
        order = torch.tensor([0, 3, 1, 2])
        turned = [one[:, order] for one in on_device]
        reordered = _outputs(model, images[:, order])
        picked = _outputs(_place(state, runtime), images)
    device, name = runtime.device, runtime.precision
    # A GPU may multiply fp32 convolutions in TF32, whose mantissa is as short as that of fp16.
    fp32 = TOLERANCE[Precision.FP32 if device.type == "cpu" else Precision.FP16]
    laws = [
        SelfTestLaw("frame by frame as all at once", _deviation(in_pieces, on_device), fp32),
        SelfTestLaw("later frames in another order", _deviation(reordered, turned), fp32),
    ]
    if device.type != "cpu":
        laws.append(SelfTestLaw(f"fp32 on {device} as on cpu", _deviation(on_device, on_cpu), fp32))
    if name is not Precision.FP32:
        statement = f"{name.value} on {device} as fp32 on cpu"
        laws.append(SelfTestLaw(statement, _deviation(picked, on_cpu), TOLERANCE[name]))
    return tuple(laws)


def _lively_model() -> Page4D:
    """A random network in which every block counts.

    `random_model` starts small, as training should, and would hide what a block does wrong.
    """
    model = random_model(SELF_TEST_CONFIG, SELF_TEST_SEED)
    generator = torch.Generator().manual_seed(SELF_TEST_SEED)
    for module in model.modules():
        if isinstance(module, LayerScale):
            nn.init.ones_(module.gamma)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5, generator=generator)
    return model


def _place(state: dict[str, Tensor], runtime: Runtime) -> Page4D:
    info = WeightsInfo("self-test", Variant.MASK, None)
    return assemble(SELF_TEST_CONFIG, state, runtime=runtime, info=info)


def _outputs(model: Page4D, images: Tensor, *, frames_chunk_size: int = 8) -> list[Tensor]:
    """Cameras, depth and points on the CPU, frames on axis 1."""
    device = next(model.parameters()).device
    result = model(images.to(device), frames_chunk_size=frames_chunk_size)
    return [result[name].cpu() for name in ("pose_enc", "depth", "world_points")]


def _deviation(given: list[Tensor], expected: list[Tensor]) -> float | None:
    """Largest difference over the range of values, of the worst output."""
    if not all(one.isfinite().all() for one in (*given, *expected)):
        return None
    return max(
        ((one - other).abs().max() / (other.max() - other.min())).item()
        for one, other in zip(given, expected, strict=True)
    )
