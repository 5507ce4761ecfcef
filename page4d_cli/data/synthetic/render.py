"""Draw frames of scenes: colour, depth, cameras and which pixels show something that moves.

Shapes: B scenes, S frames of each, H W pixels; F frames are drawn at once, P = H · W.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.ray_casting import Placed, cast_rays, place_bodies
from page4d_cli.data.synthetic.scene import SyntheticScene
from page4d_cli.data.synthetic.shade import shade

_RAYS_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 23}
"""What a CPU's cache holds; what fills a GPU."""


@dataclass(frozen=True)
class RenderedClips:
    """Clips with exact ground truth, all on one device.

    OpenCV cameras; the world is the room, in metres. Whole numbers are pixel centres.
    """

    images: Tensor
    """(B, S, H, W, 3) uint8, RGB."""
    depth: Tensor
    """(B, S, H, W) float32, planar z in metres; 0 would be none, but a room has no holes."""
    moving: Tensor
    """(B, S, H, W) bool: the pixel shows a body that moves in the course of the scene."""
    extrinsics: Tensor
    """(B, S, 3, 4) float32, T_camera_world."""
    intrinsics: Tensor
    """(B, S, 3, 3) float32, pixels."""


def render(
    scenes: Sequence[SyntheticScene],
    times_s: Float64Array,
    size: tuple[int, int],
    device: torch.device | str = "cpu",
) -> RenderedClips:
    """Draw every scene at its times; a frame does not depend on what is drawn with it.

    Args:
        scenes: B of them.
        times_s: (B, S) seconds.
        size: (width, height).
        device: where to draw.

    Raises:
        ValueError: there is no scene, or `times_s` is not (B, S).
    """
    if not scenes or times_s.ndim != 2 or len(times_s) != len(scenes):
        raise ValueError(f"times_s has shape {times_s.shape}, expected ({len(scenes)}, S)")
    device = torch.device(device)
    width, height = size
    shape = (*times_s.shape, height, width)
    extrinsics = np.stack([s.T_camera_world(t) for s, t in zip(scenes, times_s, strict=True)])
    intrinsics = np.stack([scene.intrinsics(size) for scene in scenes])
    clips = RenderedClips(
        images=torch.empty(*shape, 3, dtype=torch.uint8, device=device),
        depth=torch.empty(shape, device=device),
        moving=torch.empty(shape, dtype=torch.bool, device=device),
        extrinsics=torch.from_numpy(extrinsics).to(device, torch.float32),
        intrinsics=torch.from_numpy(intrinsics)
        .to(device, torch.float32)[:, None]
        .repeat(1, times_s.shape[1], 1, 1),
    )
    at_once = max(1, _RAYS_AT_ONCE.get(device.type, 1 << 20) // (width * height))
    for rows, columns in _pieces(times_s.shape, at_once):
        piece = _draw(scenes[rows], times_s[rows, columns], size, device)
        for whole, part in zip((clips.images, clips.depth, clips.moving), piece, strict=True):
            whole[rows, columns] = part.reshape(whole[rows, columns].shape)
    return clips


def _pieces(shape: tuple[int, ...], at_once: int) -> Iterator[tuple[slice, slice]]:
    """Cut (B, S) frames into whole scenes if several fit, else into parts of one."""
    scenes, frames = shape
    rows, columns = max(1, at_once // max(frames, 1)), min(at_once, max(frames, 1))
    for row in range(0, scenes, rows):
        for column in range(0, frames, columns):
            yield slice(row, row + rows), slice(column, column + columns)


def _draw(
    scenes: Sequence[SyntheticScene],
    times_s: Float64Array,
    size: tuple[int, int],
    device: torch.device,
) -> tuple[Tensor, Tensor, Tensor]:
    """Images (F, P, 3), depth (F, P) and moving (F, P) of a piece."""
    width, height = size
    frames = times_s.size
    placed = place_bodies(scenes, times_s, size)
    focal = [scene.intrinsics(size)[0, 0] for scene in scenes]
    focal_px = torch.tensor(np.repeat(focal, times_s.shape[1]), dtype=torch.float32, device=device)
    x = (torch.arange(width, device=device) - width / 2) / focal_px[:, None, None]
    y = (torch.arange(height, device=device)[:, None] - height / 2) / focal_px[:, None, None]
    depth, slot = (hit.reshape(frames, -1) for hit in cast_rays(placed, x, y))
    rays = [axis.expand(frames, height, width).reshape(frames, -1) for axis in (x, y)]
    color = shade(scenes, placed, (rays[0], rays[1]), (depth, slot), focal_px[:, None])
    images = torch.empty(*depth.shape, 3, dtype=torch.uint8, device=device)
    for channel, values in enumerate(color):
        images[..., channel] = values.clamp(0, 1) * 255 + 0.5
    moving = torch.from_numpy(_is_moving(scenes, placed)).to(device).gather(1, slot.long())
    return images, depth, moving


def _is_moving(scenes: Sequence[SyntheticScene], placed: Placed) -> np.ndarray:
    """(F, K): whether a slot's body moves."""
    rows = [scene.is_moving[body] for scene, body in zip(scenes, placed.body, strict=True)]
    return np.repeat(np.stack(rows), len(placed.centre) // len(scenes), axis=0)
