"""Points on surfaces, followed exactly through a clip.

Shapes: B scenes, S frames, N points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from page4d_cli.core.geometry import project
from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.ray_casting import Placed, cast_rays, place_bodies
from page4d_cli.data.synthetic.scene import SyntheticScene

_DEPTH_TOLERANCE = 1e-6
"""Relative: a point is seen if the ray through it meets nothing nearer. Computed in double."""


@dataclass(frozen=True)
class Tracks:
    """Where N surface points of each scene are in all its frames."""

    pixels: Float64Array
    """(B, S, N, 2) as (u, v); NaN behind the camera."""
    visible: NDArray[np.bool_]
    """(B, S, N): inside the picture, and nothing in front."""
    points_world: Float64Array
    """(B, S, N, 3) metres."""
    moving: NDArray[np.bool_]
    """(B, N): on a body that moves."""


def track_points(
    scenes: Sequence[SyntheticScene],
    times_s: Float64Array,
    size: tuple[int, int],
    pixels: Float64Array,
    reference: int = 0,
) -> Tracks:
    """Follow the surface points that pixels of one frame show; computed in double precision.

    Args:
        scenes: B of them.
        times_s: (B, S) seconds.
        size: (width, height).
        pixels: (B, N, 2) as (u, v) in the reference frame; need not be whole.
        reference: index of that frame.
    """
    bodies, points_body = _attach(scenes, times_s[:, reference], size, pixels)
    poses = np.stack(
        [
            scene.T_world_body(times)[:, body]
            for scene, times, body in zip(scenes, times_s, bodies, strict=True)
        ]
    )
    points_world = (poses[..., :3] @ points_body[:, None, :, :, None])[..., 0] + poses[..., 3]
    extrinsics = np.stack([s.T_camera_world(t) for s, t in zip(scenes, times_s, strict=True)])
    intrinsics = np.stack([scene.intrinsics(size) for scene in scenes])[:, None]
    projected, depth = project(points_world, intrinsics, extrinsics)
    in_front = depth > 0
    uv = np.asarray(projected, np.float64)
    uv[~in_front] = np.nan
    width, height = size
    u, v = np.moveaxis(uv, -1, 0)
    inside = (u >= -0.5) & (u < width - 0.5) & (v >= -0.5) & (v < height - 0.5)
    nearest, *_ = _cast(
        scenes, place_bodies(scenes, times_s, size), size, uv.reshape(-1, *uv.shape[2:])
    )
    unhidden = np.abs(nearest.reshape(depth.shape) - depth) <= _DEPTH_TOLERANCE * depth
    moving = np.stack([s.is_moving[body] for s, body in zip(scenes, bodies, strict=True)])
    return Tracks(uv, in_front & inside & unhidden, points_world, moving)


def _attach(
    scenes: Sequence[SyntheticScene],
    time_s: Float64Array,
    size: tuple[int, int],
    pixels: Float64Array,
) -> tuple[NDArray[np.int64], Float64Array]:
    """The body that each pixel shows at its scene's time (B,), and where on it.

    Returns:
        Numbers of bodies (B, N), and points (B, N, 3) in their frames.
    """
    placed = place_bodies(scenes, time_s[:, None], size)
    depth, slot, directions = _cast(scenes, placed, size, pixels)
    scene_of = np.arange(len(scenes))[:, None]
    rotation, centre = placed.rotation[scene_of, slot], placed.centre[scene_of, slot]
    view = np.concatenate([directions, np.ones_like(directions[..., :1])], -1)
    points = centre + depth[..., None] * (rotation @ view[..., None])[..., 0]
    return placed.body[scene_of, slot], points


def _cast(
    scenes: Sequence[SyntheticScene], placed: Placed, size: tuple[int, int], pixels: Float64Array
) -> tuple[Float64Array, NDArray[np.int64], Float64Array]:
    """Depth (F, N), slot (F, N) and first two components of the directions (F, N, 2) of pixels."""
    focal = np.array([scene.intrinsics(size)[0, 0] for scene in scenes])
    focal = np.repeat(focal, len(pixels) // len(scenes))[:, None, None]
    directions = (pixels - np.array(size) / 2) / focal
    x, y = (torch.from_numpy(directions[..., axis].copy()) for axis in (0, 1))
    depth, slot = cast_rays(placed, x, y)
    return depth.numpy(), slot.numpy(), directions
