"""One sample of a batch, wherever it is from."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainingClip:
    """S frames with their ground truth; as in `Batch`, without the dimension B."""

    images: Tensor
    """(S, 3, H, W) RGB in [0, 1]."""
    depth: Tensor
    """(S, H, W) planar z, finite, 0 = none."""
    extrinsics: Tensor
    """(S, 3, 4) T_camera_world."""
    intrinsics: Tensor
    """(S, 3, 3)."""
    name: str
    """Data set and sequence."""
    supervise_pose: bool = True
    supervise_geometry: bool = True

    def world_points(self) -> Tensor:
        """(S, H, W, 3) in the world, by the conventions of `core/geometry.py`."""
        height, width = self.depth.shape[-2:]
        k = self.intrinsics[:, None, None]
        x = (torch.arange(width) - k[..., 0, 2]) / k[..., 0, 0]
        y = (torch.arange(height)[:, None] - k[..., 1, 2]) / k[..., 1, 1]
        rays = torch.stack((*torch.broadcast_tensors(x, y), torch.ones_like(self.depth)), dim=-1)
        translation = self.extrinsics[:, None, None, :, 3]
        rotation = self.extrinsics[:, None, :, :3]
        return (rays * self.depth[..., None] - translation) @ rotation
