"""The position embedding that the dense heads add to their maps."""

import math
from functools import lru_cache

import torch
from torch import Tensor

BASE = 100.0
WEIGHT = 0.1


def add_position(maps: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Add 0.1 × the sine-cosine embedding of a uv grid to maps (..., C, rows, columns), in place.

    The grid spans the picture's diagonal of length 2, whatever the map's size; channels are
    [sin u, cos u, sin v, cos v]. u depends on the column alone and v on the row alone, so two thin
    tables are added instead of a full one.
    """
    channels, rows, columns = maps.shape[-3:]
    aspect = image_size[1] / image_size[0]
    diagonal = math.hypot(aspect, 1.0)
    u = sine_cosine(aspect / diagonal, columns, channels // 4, maps.device)
    v = sine_cosine(1.0 / diagonal, rows, channels // 4, maps.device)
    half = channels // 2
    maps[..., :half, :, :] += u[:, None, :]
    maps[..., half:, :, :] += v[:, :, None]
    return maps


@lru_cache(maxsize=64)
def sine_cosine(extent: float, count: int, frequencies: int, device: torch.device) -> Tensor:
    """(2·frequencies, count) weighted sines and cosines of `count` positions within ±extent.

    Kept per shape: computing them needs float64, which not every device has, and sending them to
    the device makes the host wait.
    """
    edge = extent * (count - 1) / count
    with torch.inference_mode(False):  # what is kept must serve training, too
        positions = torch.linspace(-edge, edge, count, dtype=torch.float64, device="cpu")
        exponents = torch.arange(frequencies, dtype=torch.float64, device="cpu") / frequencies
        angles = BASE ** -exponents[:, None] * positions
        return (WEIGHT * torch.cat((angles.sin(), angles.cos()))).float().to(device)
