"""One training batch."""

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What the loader hands over and, after `normalise`, what the losses compare with."""

    images: Tensor
    """(B, S, 3, H, W) RGB in [0, 1]."""
    depth: Tensor
    """(B, S, H, W) planar z."""
    extrinsics: Tensor
    """(B, S, 3, 4) T_camera_world."""
    intrinsics: Tensor
    """(B, S, 3, 3) K in pixels of the maps."""
    world_points: Tensor
    """(B, S, H, W, 3) the point seen by each pixel, unit of the depth."""
    valid: Tensor
    """(B, S, H, W) bool: depth and point are known."""
    supervise_pose: Tensor
    """(B,) bool: the cameras of the sample are to be learned from."""
    supervise_geometry: Tensor
    """(B,) bool: depth and points of the sample are to be learned from. Where they are not even
    good enough to give the scene's scale, `valid` must be False as well."""
    sequence_names: tuple[str, ...]
    """B of them: data set and sequence, for messages."""

    def __post_init__(self) -> None:
        if self.images.ndim != 5:
            raise ValueError(f"images has shape {tuple(self.images.shape)}, want (B, S, 3, H, W)")
        count, frames, _, height, width = self.images.shape
        maps = (count, frames, height, width)
        for name, shape in (
            ("images", (count, frames, 3, height, width)),
            ("depth", maps),
            ("extrinsics", (count, frames, 3, 4)),
            ("intrinsics", (count, frames, 3, 3)),
            ("world_points", (*maps, 3)),
            ("valid", maps),
            ("supervise_pose", (count,)),
            ("supervise_geometry", (count,)),
        ):
            given = tuple(getattr(self, name).shape)
            if given != shape:
                raise ValueError(f"{name} has shape {given}, expected {shape}")
        if len(self.sequence_names) != count:
            raise ValueError(f"{len(self.sequence_names)} sequence names for {count} samples")

    def __len__(self) -> int:
        return len(self.sequence_names)

    @property
    def usable(self) -> Tensor:
        """(B, S, H, W) bool: valid, and really finite."""
        return self.valid & self.depth.isfinite() & self.world_points.isfinite().all(dim=-1)

    def split(self, parts: int) -> "list[Batch]":
        """Cut along the samples, as evenly as it goes; never an empty part."""
        parts = min(parts, len(self))
        bounds = [len(self) * k // parts for k in range(parts + 1)]
        return [self._samples(slice(a, b)) for a, b in pairwise(bounds)]

    def _samples(self, which: slice) -> "Batch":
        fields = dataclasses.fields(self)
        return Batch(**{field.name: getattr(self, field.name)[which] for field in fields})

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Batch":
        """The same batch on another device."""
        tensors: dict[str, Any] = {
            field.name: value.to(device, non_blocking=non_blocking)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **tensors)
