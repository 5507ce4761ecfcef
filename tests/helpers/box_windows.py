"""Exact windows of a walk inside of a box, each in a unit and a world of its own."""

import numpy as np

from page4d_cli.core.geometry import invert_rigid, matrix_from_quat_xyzw
from page4d_cli.core.window import Window

HALF = np.array([3.0, 1.4, 2.5])
SIZE = (16, 12)
K = np.array([[13.0, 0, 8], [0, 13.0, 6], [0, 0, 1]])


def walk(count, laps=1.0, radius=0.8):
    """T_world_camera (F, 3, 4): round and round, looking outward and a little about."""
    angle = np.linspace(0, 2 * np.pi * laps, count)
    forward = np.stack([np.cos(angle), 0.1 * np.sin(3 * angle), np.sin(angle)], -1)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(np.broadcast_to([0.0, 1, 0], forward.shape), forward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    rotation = np.stack([right, np.cross(forward, right), forward], -1)
    centre = np.stack([radius * np.cos(angle), 0.2 * np.sin(2 * angle), radius * np.sin(angle)], -1)
    return np.concatenate([rotation, centre[..., None]], -1)


def depth_in_box(T_world_camera):
    """(F, H, W) planar depth of the walls."""
    u, v = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], -1)
    directions = np.einsum("fij,hwj->fhwi", T_world_camera[..., :3], rays)
    origin = T_world_camera[:, None, None, :, 3]
    directions = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    return ((np.sign(directions) * HALF - origin) / directions).min(-1)


def window_of(path, indices, scale=1.0, seed=None):
    """What a perfect network says of some frames, in a unit `scale` times as long."""
    indices = np.asarray(indices)
    T_world_camera = path[indices]
    depth = depth_in_box(T_world_camera) * scale
    rotation, shift = np.eye(3), np.zeros(3)
    if seed is not None:
        rng = np.random.default_rng(seed)
        rotation, shift = matrix_from_quat_xyzw(rng.normal(size=4)), rng.normal(size=3)
    moved = np.concatenate(
        [
            rotation @ T_world_camera[..., :3],
            rotation @ (scale * T_world_camera[..., 3:] + shift[:, None]),
        ],
        -1,
    )
    k = np.repeat(K[None], len(indices), 0)
    return Window(indices.astype(np.int64), depth.astype(np.float32), k, invert_rigid(moved))


def shaken(window, rng, turn=0.002):
    """The window with a drifting camera."""
    path = window.cameras.T_world_camera.copy()
    drift = np.cumsum(rng.normal(0, turn, (len(path), 3)), 0)
    quat = np.concatenate([drift / 2, np.ones((len(path), 1))], 1)
    path[..., :3] = path[..., :3] @ matrix_from_quat_xyzw(quat)
    path[..., 3] += np.cumsum(rng.normal(0, 1e-3, (len(path), 3)), 0)
    return with_path(window, path)


def with_path(window, T_world_camera):
    return Window(window.indices, window.depth, window.intrinsics, invert_rigid(T_world_camera))


def looks(path, other, later, earlier):
    """A window of two looks, the second as if it were on another path."""
    both = path.copy()
    run = np.arange(earlier - 4, earlier + 4)
    both[run] = other[run]
    indices = np.concatenate([np.arange(later - 4, later + 4), run])
    window = window_of(path, indices, 0.7, seed=later)
    return with_path(window, window_of(both, indices, 0.7, seed=later).cameras.T_world_camera)


def error(estimate, path):
    """Root mean square of positions after the best similarity."""
    a, b = estimate[..., 3] - estimate[..., 3].mean(0), path[..., 3] - path[..., 3].mean(0)
    u, singular, v = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    scale = (singular * sign).sum() / (a**2).sum()
    return np.sqrt(((scale * a @ ((u * sign) @ v).T - b) ** 2).sum(1).mean())


def spans(count, window, overlap):
    step = window - overlap
    starts = range(0, max(count - overlap, 1), step)
    return [np.arange(s, min(s + window, count)) for s in starts]


def as_first_world(path):
    """The same path in the world of its first camera."""
    rotation, centre = path[0, :, :3], path[0, :, 3]
    return np.concatenate(
        [rotation.T @ path[..., :3], (rotation.T @ (path[..., 3] - centre)[..., None])], -1
    )


def save_window(path, window, **changes):
    """Write a window as `page4d rejoin` reads it; arrays may be changed, or left out by None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "indices": window.indices.astype(np.int32),
        "depth": window.depth.astype(np.float16),
        "confidence": np.ones_like(window.depth, np.float16),
        "intrinsics": window.intrinsics.astype(np.float32),
        "extrinsics": window.T_camera_world.astype(np.float32),
    }
    np.savez(path, **{name: a for name, a in (arrays | changes).items() if a is not None})
