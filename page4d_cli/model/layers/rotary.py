"""Two-dimensional rotary position embedding (arXiv 2104.09864, along rows and columns).

A head's channels split in two halves: the first turns by the row, the second by the column. Within
a half of d channels, channel j is paired with channel j + d/2 and turns by position / base^(2j/d).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

BASE = 100.0


@dataclass(frozen=True)
class RotaryTable:
    """Cosines and sines of one frame's tokens, computed once per picture shape."""

    cos: Tensor
    """(N, 1, 2, D/4): tokens, heads (broadcast), row or column, pair of channels."""
    sin: Tensor

    def __getitem__(self, tokens: slice) -> "RotaryTable":
        return RotaryTable(self.cos[tokens], self.sin[tokens])

    def repeat(self, frames: int) -> "RotaryTable":
        """The table of several frames in a row: all frames share the same positions."""
        return RotaryTable(self.cos.repeat(frames, 1, 1, 1), self.sin.repeat(frames, 1, 1, 1))

    def rotate(self, x: Tensor) -> Tensor:
        """Turn (B, N, heads, D) queries or keys."""
        pairs = x.unflatten(-1, (2, 2, -1))
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        turned = torch.stack(
            (first * self.cos - second * self.sin, second * self.cos + first * self.sin), dim=-2
        )
        return turned.flatten(-3)


@lru_cache(maxsize=16)
def rotary_table(
    grid: tuple[int, int], num_special: int, head_width: int, device: torch.device
) -> RotaryTable:
    """Table for one frame, kept per shape: special tokens at (0, 0), patches from (1, 1).

    Args:
        grid: (h, w) patches.
        num_special: camera and register tokens before the patches.
        head_width: D, a multiple of 4.
        device: where the table shall live.
    """
    with torch.inference_mode(False):  # what is kept must serve training, too
        half = head_width // 2
        frequencies = BASE ** -(torch.arange(0, half, 2, dtype=torch.float32, device=device) / half)
        rows = torch.arange(1, grid[0] + 1, device=device).repeat_interleave(grid[1])
        columns = torch.arange(1, grid[1] + 1, device=device).repeat(grid[0])
        positions = torch.stack((rows, columns), dim=-1).float()
        positions = torch.cat((positions.new_zeros(num_special, 2), positions))
        angles = positions[:, None, :, None] * frequencies
        return RotaryTable(angles.cos(), angles.sin())
