"""Change the colours of a clip at random: jitter, greyscale, blur.

All numbers are drawn here, from the generator that is given, and torchvision's functions do the
rest; its transform classes would draw from torch's global generator.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]

from page4d_cli.core.errors import InputError

_BLUR_KERNEL = 5
_BLUR_SIGMA = (0.1, 1.0)


@dataclass(frozen=True)
class ColorOptions:
    """How likely and how far colours change. Factors are drawn from [1 - x, 1 + x]."""

    probability_shared: float = 0.7
    """Probability that all frames of a clip change alike; else each frame changes by itself."""
    jitter_probability: float = 0.9
    """Probability that brightness, contrast, saturation and hue change at all."""
    brightness: float = 0.5
    """x of brightness."""
    contrast: float = 0.5
    """x of contrast."""
    saturation: float = 0.5
    """x of saturation."""
    hue: float = 0.1
    """Hue is turned by up to this share of the colour circle, either way."""
    grey_probability: float = 0.05
    """Probability that all colour is taken away."""
    blur_probability: float = 0.0
    """Probability of a Gaussian blur, 5×5 pixels, sigma 0.1 to 1."""

    def __post_init__(self) -> None:
        limits = dict.fromkeys(self.__dataclass_fields__, 1.0) | {"hue": 0.5}
        for name, limit in limits.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise InputError(f"{name} {value:g} is not allowed; give 0 to {limit:g}")


def augment_clip(images: Tensor, options: ColorOptions, generator: torch.Generator) -> Tensor:
    """Change the colours of a clip.

    Args:
        images: (S, 3, H, W) in [0, 1], on the CPU or not.
        options: what and how much.
        generator: on the CPU; the only source of chance, torch's global one is left alone.

    Returns:
        (S, 3, H, W) in [0, 1], a new tensor where anything changed.
    """
    if _happens(options.probability_shared, generator):
        return _augment(images, options, generator)
    return torch.cat([_augment(frame, options, generator) for frame in images.split(1)])


def _augment(images: Tensor, options: ColorOptions, generator: torch.Generator) -> Tensor:
    """One draw for all of (S, 3, H, W)."""
    if _happens(options.jitter_probability, generator):
        images = _jitter(images, options, generator)
    if _happens(options.grey_probability, generator):
        images = functional.rgb_to_grayscale(images, num_output_channels=3)
    if _happens(options.blur_probability, generator):
        sigma = _uniform(*_BLUR_SIGMA, generator)
        images = functional.gaussian_blur(images, [_BLUR_KERNEL] * 2, [sigma] * 2)
    return images


def _jitter(images: Tensor, options: ColorOptions, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue, in random order."""
    changes = (
        (functional.adjust_brightness, 1.0, options.brightness),
        (functional.adjust_contrast, 1.0, options.contrast),
        (functional.adjust_saturation, 1.0, options.saturation),
        (functional.adjust_hue, 0.0, options.hue),
    )
    for place in torch.randperm(len(changes), generator=generator).tolist():
        adjust, centre, spread = changes[place]
        amount = _uniform(centre - spread, centre + spread, generator)
        if spread:
            images = adjust(images, amount)
    return images


def _happens(probability: float, generator: torch.Generator) -> bool:
    return _uniform(0.0, 1.0, generator) < probability


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()
