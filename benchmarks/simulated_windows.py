"""Simulate what a feed-forward network predicts for overlapping windows of a long video.

No network is run. A scene of boxes is drawn with an analytic ray caster, and every window gets the
errors such networks make: an own scale, smoothly distorted depth, drifting cameras, a wrong focal
length, moving bodies at wrong depths, a confidence that says little. Methods that join the windows
can then be compared on identical inputs.

    python benchmarks/simulated_windows.py OUT --kind room --seed 3 --scale walk --false-loops 0.2

A run is a folder: `windows/0000.npz` … and `loops/0000.npz` … as `page4d rejoin` reads them,
`loops.npz` with the candidates' frames, and `truth.npz`. Lengths are metres, cameras OpenCV's, the
principal point is at (W / 2, H / 2). The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

KINDS = ("street", "room", "static", "rotation", "crowd", "cut", "city", "tail")
SCALE_MODELS = ("constant", "walk", "jump")
LOOP_HALF = 4
"""Frames on each side of a loop's end; a mixed window shows 8 + 8 frames."""


# ---------------------------------------------------------------- geometry


def rotation_from_vector(vectors: Array) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    small = angle < 1e-8
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 1.0, np.sin(safe) / safe)
    second = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross))


def look(forward: Array) -> Array:
    """Rotations R_world_camera (F, 3, 3) that look along `forward` (F, 3); y points down."""
    z = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    x = np.cross(np.broadcast_to([0.0, 1.0, 0.0], z.shape), z)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)


def smooth_noise(frames: int, width: float, rng: np.random.Generator, channels: int) -> Array:
    """(frames, channels) noise of unit deviation, smooth over about `width` frames."""
    taps = np.exp(-0.5 * (np.arange(-3 * width, 3 * width + 1) / width) ** 2)
    white = rng.standard_normal((frames + len(taps) - 1, channels))
    columns = [np.convolve(white[:, c], taps, "valid") for c in range(channels)]
    return np.asarray(np.stack(columns, -1) / np.sqrt((taps**2).sum()))


# ---------------------------------------------------------------- scenes


@dataclass(frozen=True)
class World:
    """Boxes along the axes and upright ellipsoids that move; metres, y down, ground at 0."""

    boxes: Array
    """(M, 2, 3): lowest and highest corner."""
    room: Array | None
    """(2, 3) box that encloses everything, or None: open ground and sky."""
    bodies: Array
    """(B, F, 3): centres over the frames."""
    body_radii: Array
    """(B, 3)."""


@dataclass(frozen=True)
class Scene:
    """A video's exact ground truth."""

    kind: str
    T_world_camera: Array
    """(F, 3, 4) metres, OpenCV cameras."""
    intrinsics: Array
    """(3, 3) pixels; whole numbers are pixel centres, the centre is at (W / 2, H / 2)."""
    depth: Array
    """(F, H, W) float32 planar z in metres; inf is sky."""
    body: Indices
    """(F, H, W) int16: which moving body the pixel shows; -1 is none."""
    segment: Indices
    """(F,) int: counts up at each hard cut."""


def cast(world: World, T_world_camera: Array, frame: int, rays: Array) -> tuple[Array, Indices]:
    """Planar depth (P,) and moving body (P,) of one camera's rays (P, 3) with z = 1."""
    origin = T_world_camera[:, 3]
    direction = rays @ T_world_camera[:, :3].T
    direction = np.where(np.abs(direction) < 1e-9, 1e-9, direction)
    inverse = 1.0 / direction
    if world.room is not None:
        planes = (world.room[:, None] - origin) * inverse
        depth = planes.max(0).min(-1)
    else:
        ground = -origin[1] * inverse[:, 1]
        depth = np.where(ground > 0, ground, np.inf)
    if len(world.boxes):
        gap = np.maximum(world.boxes[:, 0] - origin, origin - world.boxes[:, 1]).max(-1)
        near = world.boxes[np.argsort(gap)[:24]]
        ahead = ((near.mean(1) - origin) @ T_world_camera[:, 2]) > -np.linalg.norm(
            near[:, 1] - near[:, 0], axis=-1
        )
        for low, high in near[ahead]:
            one, other = (low - origin) * inverse, (high - origin) * inverse
            enter = np.minimum(one, other).max(-1)
            leave = np.maximum(one, other).min(-1)
            hit = (enter < leave) & (enter > 0.05) & (enter < depth)
            depth = np.where(hit, enter, depth)
    body = np.full(len(rays), -1, np.int16)
    for b, (centres, radii) in enumerate(zip(world.bodies, world.body_radii, strict=True)):
        offset, ray = (origin - centres[frame]) / radii, direction / radii
        a, half, c = (ray**2).sum(-1), ray @ offset, offset @ offset - 1
        root = half**2 - a * c
        enter = np.where(root > 0, (-half - np.sqrt(np.maximum(root, 0))) / a, np.inf)
        hit = (enter > 0.05) & (enter < depth)
        depth, body = np.where(hit, enter, depth), np.where(hit, b, body).astype(np.int16)
    return depth, body


def _furnished_room(rng: np.random.Generator, size: tuple[float, float]) -> tuple[Array, Array]:
    """A room (2, 3) and boxes (M, 2, 3): furniture along the walls, some blocks in the middle."""
    half_x, half_z = size[0] / 2, size[1] / 2
    room = np.array([[-half_x, -2.8, -half_z], [half_x, 0.0, half_z]])
    boxes = []
    for _ in range(22):
        side = rng.integers(4)
        along = rng.uniform(-0.95, 0.95)
        if side < 2:
            x, z = along * half_x, (half_z - 0.3) * (1 if side else -1)
        else:
            x, z = (half_x - 0.3) * (1 if side == 2 else -1), along * half_z
        wide = rng.uniform(0.3, 0.9, 2) / 1.5
        boxes.append(
            [[x - wide[0], -rng.uniform(0.4, 2.4), z - wide[1]], [x + wide[0], 0, z + wide[1]]]
        )
    for _ in range(3):
        x, z, half = *rng.uniform(-0.12, 0.12, 2) * size, rng.uniform(0.2, 0.5)
        boxes.append([[x - half, -rng.uniform(0.6, 1.3), z - half], [x + half, 0, z + half]])
    return room, np.array(boxes)


def _walkers(
    centres: Array, forward: Array, count: int, reach: tuple[float, float], rng: np.random.Generator
) -> Array:
    """(count, F, 3) centres of bodies that wander in front of a camera."""
    frames = len(centres)
    ahead = rng.uniform(*reach, count)[:, None] + 0.4 * smooth_noise(frames, 25, rng, count).T
    across = ahead * (
        rng.uniform(-0.5, 0.5, count)[:, None] + 0.3 * smooth_noise(frames, 20, rng, count).T
    )
    level = forward * [1, 0, 1]
    level /= np.linalg.norm(level, axis=-1, keepdims=True)
    right = np.stack([level[:, 2], np.zeros(frames), -level[:, 0]], -1)
    place = centres + np.maximum(ahead, 0.8)[..., None] * level + across[..., None] * right
    place[..., 1] = -0.9
    return np.asarray(place)


def _ellipse_path(
    frames: int, laps: float, size: tuple[float, float], outward: float
) -> tuple[Array, Array]:
    """Centres and viewing directions on an ellipse, looking between its tangent and outward."""
    phase = 2 * np.pi * laps * np.arange(frames) / frames
    radius = np.array(size) * 0.28
    centres = np.stack(
        [radius[0] * np.cos(phase), np.full(frames, -1.5), radius[1] * np.sin(phase)], -1
    )
    tangent = np.stack(
        [-radius[0] * np.sin(phase), np.zeros(frames), radius[1] * np.cos(phase)], -1
    )
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
    out = centres * [1, 0, 1] / np.linalg.norm(centres * [1, 0, 1], axis=-1, keepdims=True)
    return centres, tangent + outward * out


def _street_boxes(
    low: float, high: float, rng: np.random.Generator, lane: Callable[[Array], Array]
) -> list[list[list[float]]]:
    """Buildings and parked things on both sides of a street along z; `lane(z)` is its middle."""
    boxes = []
    for side in (-1, 1):
        z = low
        while z < high:
            long, back = rng.uniform(5, 14), rng.uniform(5, 8)
            inner, tall = float(lane(np.asarray(z))) + side * back, rng.uniform(3, 12)
            outer = inner + side * 8
            boxes.append([[min(inner, outer), -tall, z], [max(inner, outer), 0, z + long]])
            if rng.random() < 0.7:
                x, wide = (
                    float(lane(np.asarray(z))) + side * rng.uniform(3.2, 4.2),
                    rng.uniform(0.2, 0.9),
                )
                boxes.append(
                    [[x - wide, -rng.uniform(1, 2.2), z], [x + wide, 0, z + rng.uniform(0.4, 4)]]
                )
            z += long + rng.choice([0.0, 3.0])
    return boxes


def _city(rng: np.random.Generator, frames: int) -> tuple[Array, Array, Array]:
    """Boxes, centres and directions of a drive through a grid of streets with returns."""
    block = 50.0
    first = [(0, 0), (3, 0), (3, 2), (0, 2), (0, 0), (1, 0), (1, 2), (0, 2), (0, 0), (3, 0), (3, 2)]
    again = [(1, 2), (1, 0), (3, 0), (3, 2), (0, 2), (0, 0), (3, 0), (3, 2), (0, 2), (0, 0)]
    nodes = np.array([*first, *again], float) * block
    lengths = np.linalg.norm(np.diff(nodes, axis=0), axis=-1)
    along = 0.5 * np.arange(frames)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    raw = np.stack([np.interp(along, ends, nodes[:, axis]) for axis in (0, 1)], -1)
    taps = np.hanning(41) / np.hanning(41).sum()
    padded = np.pad(raw, ((20, 20), (0, 0)), mode="edge")
    flat = np.stack([np.convolve(padded[:, axis], taps, "valid") for axis in (0, 1)], -1)
    centres = np.stack([flat[:, 0], np.full(frames, -1.6), flat[:, 1]], -1)
    steps = np.gradient(flat, axis=0)
    steps[np.linalg.norm(steps, axis=-1) < 1e-6] = [1, 0]
    forward = np.stack([steps[:, 0], np.zeros(frames), steps[:, 1]], -1)
    boxes = []
    for column in range(-1, 5):
        for row in range(-1, 4):
            x, z = column * block + 5, row * block + 5
            for _ in range(9):
                low = np.array([x + rng.uniform(0, 32), z + rng.uniform(0, 32)])
                edge = rng.integers(4)
                if edge < 2:
                    low[edge] = (x, z)[edge] + rng.uniform(0, 1.5)
                high = low + rng.uniform(4, 12, 2)
                if edge >= 2:
                    high[edge - 2] = (x, z)[edge - 2] + 40 - rng.uniform(0, 1.5)
                    low[edge - 2] = high[edge - 2] - rng.uniform(4, 12)
                high = np.minimum(high, [x + 40, z + 40])
                boxes.append([[low[0], -rng.uniform(3, 12), low[1]], [high[0], 0, high[1]]])
            for _ in range(4):
                low = np.array([x + rng.uniform(0, 38), z + rng.choice([-1.6, 40.2])])
                low = low if rng.random() < 0.5 else np.array([x, z]) + (low - [x, z])[::-1]
                boxes.append(
                    [[low[0], -rng.uniform(1, 2), low[1]], [low[0] + 1.4, 0, low[1] + 1.4]]
                )
    return np.array(boxes), centres, forward


def default_frames(kind: str, window: int) -> int:
    """How many frames a kind of scene has; only that of `tail` depends on the window."""
    frames = {"street": 600, "room": 600, "static": 150, "rotation": 400, "crowd": 600, "cut": 600}
    return {**frames, "city": 3000, "tail": window + 1}[kind]


def make_scene(  # noqa: C901 - a kind of scene a branch
    kind: str, seed: int, frames: int, size: tuple[int, int] = (56, 42)
) -> Scene:
    """Draw a scene: the same arguments give the same one.

    Args:
        kind: one of KINDS.
        seed: of geometry and path.
        frames: how many.
        size: (width, height) of the depth maps.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    segment = np.zeros(frames, int)
    walkers, reach, radius = 2, (2.0, 3.5), 0.3
    room: Array | None = None
    if kind == "street":
        bend, phase = rng.uniform(2, 4), rng.uniform(0, 6)

        def lane(z: Array) -> Array:
            return 1.5 * bend * np.sin(z / 40 + phase)

        z = 0.3 * np.arange(frames)
        centres = np.stack([lane(z), np.full(frames, -1.6), z], -1)
        forward = np.gradient(centres, axis=0)
        boxes = np.array(_street_boxes(-20, z[-1] + 60, rng, lane))
        reach = (6.0, 14.0)
    elif kind == "city":
        boxes, centres, forward = _city(rng, frames)
        reach = (7.0, 15.0)
    else:
        extent = (12.0, 9.0)
        room, boxes = _furnished_room(rng, extent)
        laps = {"room": 3.0, "crowd": 3.0, "cut": 1.5, "tail": 0.3}.get(kind, 0.0) * np.sign(
            rng.normal()
        )
        centres, forward = _ellipse_path(frames, laps, extent, rng.uniform(0.2, 0.6))
        if kind in ("static", "rotation"):
            turn = np.deg2rad(1.5) * np.arange(frames) * (kind == "rotation")
            forward = np.stack([np.cos(turn), np.zeros(frames), np.sin(turn)], -1)
            centres = centres[:1] * [0.5, 1, 0.5] + 0.06 * forward * (kind == "rotation")
        if kind == "cut":
            segment[int(0.525 * frames) :] = 1
            offset = 2.5 * (1 + extent[0])  # the second half is shot in another room, far away
        if kind == "crowd":
            walkers, reach, radius = 7, (1.2, 3.0), 0.34
    if kind not in ("static",):
        centres = centres + smooth_noise(frames, 12, rng, 3) * [0.02, 0.02, 0.02] * (
            kind != "rotation"
        )
        forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
        forward = forward + 0.03 * smooth_noise(frames, 10, rng, 3)
    bodies = _walkers(centres, forward, walkers, reach, rng)
    radii = np.tile([radius, 0.9, radius], (walkers, 1))
    T_world_camera = np.concatenate([look(forward), centres[..., None]], -1)
    width, height = size
    focal = width / 2 / np.tan(np.deg2rad(32))
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    v, u = np.mgrid[:height, :width].reshape(2, -1)
    rays = np.stack([(u - width / 2) / focal, (v - height / 2) / focal, np.ones(u.size)], -1)
    worlds = [World(boxes, room, bodies, radii)]
    if kind == "crowd":
        worlds = [_crowded(worlds[0], T_world_camera, rays)]
    if kind == "cut":
        other_room, other_boxes = _furnished_room(rng, extent)
        worlds.append(World(other_boxes, other_room, bodies, radii))
    drawn = [cast(worlds[segment[f]], T_world_camera[f], f, rays) for f in range(frames)]
    if kind == "cut":
        T_world_camera[segment == 1, 0, 3] += offset
    depth = np.stack([d for d, _ in drawn]).reshape(frames, height, width).astype(np.float32)
    body = np.stack([b for _, b in drawn]).reshape(frames, height, width)
    return Scene(kind, T_world_camera, intrinsics, depth, body, segment)


def _crowded(world: World, T_world_camera: Array, rays: Array, share: float = 0.4) -> World:
    """The world with its bodies widened until they fill `share` of the pixels."""
    sample = range(0, len(T_world_camera), max(1, len(T_world_camera) // 30))
    low, high = 0.3, 6.0
    for _ in range(9):
        factor = np.sqrt(low * high)
        tried = World(world.boxes, world.room, world.bodies, world.body_radii * [factor, 1, factor])
        seen = np.mean(
            [(cast(tried, T_world_camera[f], f, rays[::7])[1] >= 0).mean() for f in sample]
        )
        low, high = (factor, high) if seen < share else (low, factor)
    return tried


# ---------------------------------------------------------------- predictions


@dataclass(frozen=True)
class Errors:
    """How wrong predictions are; ranges are drawn once a window. All relative or in degrees."""

    depth_field: tuple[float, float] = (0.02, 0.05)
    """Deviation of the smooth distortion of log depth."""
    depth_shift: float = 0.015
    """Deviation of the shift of a window's depth, in median depths."""
    depth_noise: float = 0.015
    """Heavy-tailed noise of a pixel's log depth (Student's t, 3 degrees of freedom)."""
    scale_ramp: tuple[float, float] = (0.004, 0.01)
    """Mean and deviation of how much log scale grows from a window's first to its last frame."""
    rotation_drift_deg: tuple[float, float] = (0.02, 0.1)
    """Random walk of the camera's rotation, a frame."""
    rotation_noise_deg: float = 0.03
    translation_drift: tuple[float, float] = (0.002, 0.01)
    """Noise of a step between frames, in steps."""
    translation_noise: float = 0.0005
    """Noise of a camera's centre, in median depths."""
    pose_depth_mismatch: float = 0.005
    """Deviation of log (scale of the cameras / scale of the depth)."""
    focal: tuple[float, float] = (0.01, 0.03)
    """Error of a window's focal length; half of it shows in the depth too."""
    body_bias: float = 0.15
    """Deviation of a moving body's log depth error in a window; its confidence is not lower."""
    loop_rotation_deg: float = 0.5
    loop_translation: float = 0.01
    """Error between the two places of a mixed window: degrees, median depths."""

    def times(self, severity: float) -> Errors:
        """Every error multiplied."""
        arrays = {name: np.multiply(value, severity) for name, value in vars(self).items()}
        values: dict[str, Any] = {
            name: tuple(a) if a.ndim else float(a) for name, a in arrays.items()
        }
        return Errors(**values)


@dataclass(frozen=True)
class Prediction:
    """What a network says about some frames; its world is its first camera, its scale its own."""

    indices: Indices
    """(N,) int32."""
    depth: Array
    """(N, H, W) float16; 0 is invalid, sky may be invalid or huge."""
    confidence: Array
    """(N, H, W) float16, at least 1."""
    intrinsics: Array
    """(N, 3, 3) float32."""
    extrinsics: Array
    """(N, 3, 4) float32, T_camera_world."""

    def save(self, path: Path) -> None:
        """Write the arrays to an .npz file."""
        np.savez_compressed(path, **vars(self))


@dataclass(frozen=True)
class Placement:
    """Where a group of frames lands against the window's first group."""

    rotation: Array
    """(3, 3) R_window_camera of the group's first camera."""
    centre: Array
    """(3,) metres before the window's scale."""
    log_scale: float = 0.0
    doubt: float = 0.0
    """Subtracted from the confidence's logit."""


def _compose(T_a_b: Array, T_b_c: Array) -> Array:
    rotation = T_a_b[..., :3] @ T_b_c[..., :3]
    centre = T_a_b[..., :3] @ T_b_c[..., 3:] + T_a_b[..., 3:]
    return np.concatenate([rotation, centre], -1)


def _inverse(T: Array) -> Array:
    rotation = np.swapaxes(T[..., :3], -1, -2)
    return np.concatenate([rotation, -rotation @ T[..., 3:]], -1)


def _upsampling(height: int, width: int, rows: int = 3, columns: int = 4) -> Array:
    """(H * W, rows * columns) bilinear weights from a coarse grid."""

    def axis(length: int, nodes: int) -> Array:
        place = np.linspace(0, nodes - 1, length)
        return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(nodes))))

    weights = np.einsum("ha,wb->hwab", axis(height, rows), axis(width, columns))
    return np.asarray(weights.reshape(height * width, -1))


def _correlated(frames: int, channels: int, length: float, rng: np.random.Generator) -> Array:
    """(frames, channels) first-order autoregression of unit deviation."""
    keep = np.exp(-1 / length)
    noise = rng.standard_normal((frames, channels))
    for f in range(1, frames):
        noise[f] = keep * noise[f - 1] + np.sqrt(1 - keep**2) * noise[f]
    return noise


def _drifted(
    relative: Array, ramp: Array, medium: float, errors: Errors, rng: np.random.Generator
) -> Array:
    """The path of one group of frames (N, 3, 4), from its first camera, with drift and noise."""
    frames = len(relative)
    rotation_deg = rng.uniform(*errors.rotation_drift_deg)
    step_noise = rng.uniform(*errors.translation_drift)
    turn_bias = 0.15 * rotation_deg * rng.standard_normal(3)
    step_bias = 0.3 * step_noise * rng.standard_normal()
    path = [relative[0]]
    for f in range(1, frames):
        step = _compose(_inverse(relative[f - 1]), relative[f])
        turn = np.deg2rad(rotation_deg * rng.standard_normal(3) + turn_bias)
        step[:, :3] = step[:, :3] @ rotation_from_vector(turn)
        length = np.linalg.norm(step[:, 3])
        step[:, 3] = step[:, 3] * np.exp(
            ramp[f] + step_bias
        ) + length * step_noise * rng.standard_normal(3)
        path.append(_compose(path[-1], step))
    noisy = np.stack(path)
    shake = np.deg2rad(errors.rotation_noise_deg) * rng.standard_normal((frames, 3))
    noisy[1:, :, :3] = noisy[1:, :, :3] @ rotation_from_vector(shake)[1:]
    noisy[1:, :, 3] += errors.translation_noise * medium * rng.standard_normal((frames, 3))[1:]
    return noisy


def predict(
    scene: Scene,
    indices: Sequence[int] | Indices,
    log_scale: float,
    errors: Errors,
    rng: np.random.Generator,
    placements: Sequence[Placement] = (),
) -> Prediction:
    """What a network might say about frames of a scene.

    Args:
        scene: the truth.
        indices: which frames.
        log_scale: log of (predicted length / metre).
        errors: how wrong.
        rng: decides all.
        placements: one for each run of frames after a gap or a hard cut, in order.
    """
    frames = np.asarray(indices)
    starts = [0, *(i for i in range(1, len(frames)) if _breaks(scene, frames[i - 1], frames[i]))]
    groups = np.split(np.arange(len(frames)), starts[1:])
    if len(placements) != len(groups) - 1:
        raise ValueError(f"{len(groups)} groups of frames, {len(placements)} placements")
    true_depth = scene.depth[frames].astype(np.float64)
    finite = np.isfinite(true_depth)
    medium = float(np.median(true_depth[finite]))
    focal_error = rng.uniform(*errors.focal) * rng.choice([-1, 1])
    ramp_size = errors.scale_ramp[0] + errors.scale_ramp[1] * rng.standard_normal()
    ramp = ramp_size * (np.linspace(0, 1, len(frames)) - 0.5)
    restless = 1.5 if scene.kind == "crowd" else 1.0
    low, high = errors.rotation_drift_deg
    pose_errors = replace(errors, rotation_drift_deg=(restless * low, restless * high))

    T_window_camera = np.empty((len(frames), 3, 4))
    group_scale, doubt = np.zeros(len(frames)), np.zeros(len(frames))
    for g, group in enumerate(groups):
        true = scene.T_world_camera[frames[group]]
        path = _drifted(_compose(_inverse(true[:1]), true), ramp[group], medium, pose_errors, rng)
        if g:
            place = placements[g - 1]
            path[..., 3] *= np.exp(place.log_scale)
            path = _compose(np.concatenate([place.rotation, place.centre[:, None]], -1)[None], path)
            group_scale[group], doubt[group] = place.log_scale, place.doubt
        T_window_camera[group] = path
    pose_scale = np.exp(log_scale + errors.pose_depth_mismatch * rng.standard_normal())
    T_window_camera[..., 3] *= pose_scale

    log_depth, log_error = _distorted_log_depth(
        scene, frames, ramp + group_scale, focal_error, errors, rng
    )
    depth = np.exp(log_scale + log_depth)
    shift = errors.depth_shift * rng.standard_normal() * medium * np.exp(log_scale)
    depth = np.where(finite, np.maximum(depth + shift, 0.02 * medium * np.exp(log_scale)), 0)
    confidence = _confidence(finite, log_error, doubt, rng)
    sky_says = rng.choice(["invalid", "huge"])
    if sky_says == "huge":
        far = medium * np.exp(
            log_scale + rng.normal(2.7, 0.4) + 0.15 * rng.standard_normal(depth.shape)
        )
        depth = np.where(finite, depth, far)
    intrinsics = np.repeat(scene.intrinsics[None], len(frames), 0)
    per_frame = 1 + focal_error + 0.002 * rng.standard_normal(len(frames))
    intrinsics[:, 0, 0] *= per_frame
    intrinsics[:, 1, 1] *= per_frame
    return Prediction(
        frames.astype(np.int32),
        np.minimum(depth, 6e4).astype(np.float16),
        confidence.astype(np.float16),
        intrinsics.astype(np.float32),
        _inverse(T_window_camera).astype(np.float32),
    )


def _breaks(scene: Scene, before: int, after: int) -> bool:
    return after != before + 1 or scene.segment[after] != scene.segment[before]


def _distorted_log_depth(
    scene: Scene,
    frames: Indices,
    ramp: Array,
    focal_error: float,
    errors: Errors,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Log depth in metres with errors, and the errors alone, both (N, H, W)."""
    true = np.log(
        np.where(np.isfinite(scene.depth[frames]), scene.depth[frames], 1.0).astype(np.float64)
    )
    count, height, width = true.shape
    field = rng.uniform(*errors.depth_field) * _correlated(count, 12, 15, rng)
    error = (field @ _upsampling(height, width).T).reshape(true.shape) + ramp[:, None, None]
    error += 0.5 * focal_error
    body = scene.body[frames]
    for b in np.unique(body[body >= 0]):
        jitter: Array = rng.standard_normal() + 0.3 * rng.standard_normal((count, 1, 1))
        error += np.where(body == b, errors.body_bias * jitter, 0)
    medium = np.median(true)
    far = 1 + np.exp(np.minimum(true - medium, 3)) / 3
    error += errors.depth_noise * far * np.clip(rng.standard_t(3, true.shape), -30, 30)
    bled, edge = _bleed(true, rng)
    error += np.where(edge, bled - true, 0)
    return true + error, error


def _bleed(log_depth: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Log depth mixed with its neighbours', and where it jumps by more than a quarter."""
    padded = np.pad(log_depth, ((0, 0), (1, 1), (1, 1)), mode="edge")
    height, width = log_depth.shape[1:]
    shifts = [padded[:, r : r + height, c : c + width] for r in range(3) for c in range(3)]
    low, high = np.minimum.reduce(shifts), np.maximum.reduce(shifts)
    return low + (high - low) * rng.random(log_depth.shape), high - low > 0.25


def _confidence(
    finite: NDArray[np.bool_], error: Array, doubt: Array, rng: np.random.Generator
) -> Array:
    """Confidence (N, H, W) from 1 upward that follows the error weakly and the sky mostly."""
    count, height, width = error.shape
    spread = np.abs(error)
    rank = np.clip(np.log(spread / max(float(np.median(spread)), 1e-12) + 1e-3), -2, 3)
    coarse = (_correlated(count, 12, 10, rng) @ _upsampling(height, width).T).reshape(error.shape)
    logit = (
        -0.35 * rank + 0.6 * coarse + 0.5 * rng.standard_normal(error.shape) - doubt[:, None, None]
    )
    logit -= np.where(finite, 0, rng.choice([0.5, 3.0], p=[0.3, 0.7]))
    return np.asarray(1 + 4 * np.exp(0.7 * np.clip(logit, -5, 5)))


# ---------------------------------------------------------------- windows and loops


def plan_windows(frames: int, window: int, overlap: int) -> list[tuple[int, int]]:
    """[start, stop) of each window, as VGGT-Long and DA3-Streaming cut; the last may be shorter."""
    if frames <= window:
        return [(0, frames)]
    step = window - overlap
    count = (frames - overlap + step - 1) // step
    return [(i * step, min(i * step + window, frames)) for i in range(count)]


def window_log_scales(count: int, model: str, rng: np.random.Generator) -> Array:
    """Log scale of each window: constant, a walk of 2 % a join, or one jump of 1.5 times."""
    scales = np.full(count, rng.uniform(np.log(0.2), np.log(2.0)))
    if model == "walk":
        scales[1:] += np.cumsum(0.02 * rng.standard_normal(count - 1))
    elif model == "jump" and count > 1:
        scales[rng.integers((count + 2) // 3, max((count + 2) // 3 + 1, 2 * count // 3 + 1)) :] += (
            np.log(1.5)
        )
    return scales


def predict_windows(
    scene: Scene, spans: Sequence[tuple[int, int]], log_scales: Array, errors: Errors, seed: int
) -> Iterator[Prediction]:
    """Every window's prediction; a window across a hard cut relates its two sides at random."""
    for w, (start, stop) in enumerate(spans):
        rng = np.random.default_rng([seed, 7, w])
        segment = scene.segment[start:stop]
        cuts = int(segment[-1] - segment[0])
        places = [_wild_placement(rng, 3.0, doubt=0.3, scale=0.2) for _ in range(cuts)]
        yield predict(scene, np.arange(start, stop), float(log_scales[w]), errors, rng, places)


def _wild_placement(
    rng: np.random.Generator, reach: float, doubt: float, scale: float
) -> Placement:
    turn = rng.standard_normal(3)
    turn *= np.deg2rad(rng.uniform(10, 90)) / np.linalg.norm(turn)
    return Placement(
        rotation_from_vector(turn), reach * rng.standard_normal(3), scale * rng.normal(), doubt
    )


@dataclass(frozen=True)
class Loops:
    """Candidate loops and what a network says about both places seen together."""

    pairs: Indices
    """(L, 2) frame indices, the later frame first."""
    is_true: NDArray[np.bool_]
    """(L,)."""
    predictions: list[Prediction]
    """Mixed windows: 8 frames around the first place, then 8 around the second."""


def loop_pairs(
    scene: Scene, false_share: float, seed: int, limit: int, gap: int
) -> tuple[Indices, Any]:
    """Candidate pairs (L, 2) and which are true; of a scene without revisits, 6 false ones."""
    rng = np.random.default_rng([seed, 11])
    frames = len(scene.depth)
    every = np.arange(LOOP_HALF, frames - LOOP_HALF, 3)
    centre, view = scene.T_world_camera[every, :, 3], scene.T_world_camera[every, :, 2]
    distance = np.linalg.norm(centre[:, None] - centre[None], axis=-1)
    apart = every[:, None] - every[None] >= gap
    whole = scene.segment[every - LOOP_HALF] == scene.segment[every + LOOP_HALF - 1]
    alike = (view @ view.T > np.cos(np.deg2rad(20))) & (
        distance < (3.0 if scene.kind == "city" else 0.7)
    )
    alike &= scene.segment[every][:, None] == scene.segment[every][None]
    chosen: list[tuple[int, int]] = []
    for a, b in rng.permutation(np.argwhere(alike & apart)):
        later, earlier = int(every[a]), int(every[b])
        if (
            whole[a]
            and whole[b]
            and all(abs(later - i) + abs(earlier - j) >= 25 for i, j in chosen)
        ):
            chosen.append((later, earlier))
        if len(chosen) == limit:
            break
    basis = max(len(chosen), 6)
    wanted = round(false_share / (1 - false_share) * basis)
    unlike = apart & ((distance > 2.0) | (view @ view.T < 0.5))
    pool = rng.permutation(np.argwhere(unlike))
    pool = pool[whole[pool].all(1)][:wanted]  # a place shown across a hard cut would be two places
    pairs = np.array([*chosen, *[(int(every[a]), int(every[b])) for a, b in pool]], int).reshape(
        -1, 2
    )
    truth = np.arange(len(pairs)) < len(chosen)
    order = rng.permutation(len(pairs))
    return pairs[order], truth[order]


def predict_loops(
    scene: Scene,
    pairs: Indices,
    is_true: NDArray[np.bool_],
    log_scale: float,
    errors: Errors,
    seed: int,
) -> Loops:
    """Mixed windows of candidate loops.

    A true loop's two places fit together up to `errors.loop_*`. Half of the false ones are put at
    random, and half as if both places were one, which is how a network errs about
    places that look alike.
    """
    predictions = []
    for n, ((later, earlier), true) in enumerate(zip(pairs, is_true, strict=True)):
        rng = np.random.default_rng([seed, 13, n])
        runs = [np.arange(f - LOOP_HALF, f + LOOP_HALF) for f in (later, earlier)]
        first, second = (scene.T_world_camera[run[0]] for run in runs)
        seen = scene.depth[runs[0]]
        medium = float(np.median(seen[np.isfinite(seen)]))
        turn = rotation_from_vector(np.deg2rad(errors.loop_rotation_deg) * rng.standard_normal(3))
        move = errors.loop_translation * medium * rng.standard_normal(3)
        if true:
            relative = _compose(_inverse(first), second)
            place = Placement(relative[:, :3] @ turn, relative[:, 3] + move, 0.01 * rng.normal())
        elif rng.random() < 0.5:
            place = _wild_placement(rng, medium, doubt=max(0.0, rng.normal(0.8, 0.5)), scale=0.3)
        else:
            place = Placement(
                turn, 3 * move, 0.1 * rng.normal(), doubt=max(0.0, rng.normal(0.4, 0.4))
            )
        own_scale = log_scale + 0.3 * rng.standard_normal()
        predictions.append(predict(scene, np.concatenate(runs), own_scale, errors, rng, [place]))
    return Loops(pairs, np.asarray(is_true), predictions)


# ---------------------------------------------------------------- files


def write(
    out: Path,
    scene: Scene,
    windows: Sequence[Prediction],
    log_scales: Array,
    loops: Loops,
    settings: dict[str, Any],
) -> None:
    """Write one simulated run, in place of one that was there; README.md describes the files."""
    (out / "windows").mkdir(parents=True, exist_ok=True)
    (out / "loops").mkdir(exist_ok=True)
    for stale in [
        path for part in ("windows", "loops") for path in (out / part).glob("[0-9]" * 4 + ".npz")
    ]:
        stale.unlink()
    for w, prediction in enumerate(windows):
        prediction.save(out / "windows" / f"{w:04d}.npz")
    for n, prediction in enumerate(loops.predictions):
        prediction.save(out / "loops" / f"{n:04d}.npz")
    np.savez(out / "loops.npz", pairs=loops.pairs)
    np.savez(
        out / "truth.npz",
        extrinsics=_inverse(scene.T_world_camera),
        intrinsics=scene.intrinsics,
        segment=scene.segment,
        window_log_scale=log_scales,
        loop_is_true=loops.is_true,
        moving_share=(scene.body >= 0).mean((1, 2)),
    )
    (out / "manifest.json").write_text(json.dumps(settings, indent=2) + "\n")


def simulate(
    scene: Scene,
    window: int,
    overlap: int,
    scale: str,
    false_loops: float,
    severity: float,
    seed: int,
) -> tuple[list[Prediction], Array, Loops]:
    """Windows, their log scales and the loops of a scene."""
    errors = Errors().times(severity)
    spans = plan_windows(len(scene.depth), window, overlap)
    log_scales = window_log_scales(len(spans), scale, np.random.default_rng([seed, 5]))
    windows = list(predict_windows(scene, spans, log_scales, errors, seed))
    limit, gap = (24, 200) if scene.kind == "city" else (12, 75)
    pairs, is_true = loop_pairs(scene, false_loops, seed, limit, gap)
    loops = predict_loops(scene, pairs, is_true, float(log_scales[0]), errors, seed)
    return windows, log_scales, loops


def main() -> None:
    """Write a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, help="default: what the kind has")
    parser.add_argument("--size", default="56x42", help="WxH of the depth maps")
    parser.add_argument("--window", type=int, default=60)
    parser.add_argument("--overlap", type=int, default=30)
    parser.add_argument("--scale", choices=SCALE_MODELS, default="walk")
    parser.add_argument(
        "--false-loops", type=float, default=0.0, help="share of false candidates, below 1"
    )
    parser.add_argument("--severity", type=float, default=1.0, help="multiplies every error")
    options = parser.parse_args()
    if not 0 < options.overlap < options.window:
        parser.error(
            f"--overlap {options.overlap}: more than 0 and less than --window {options.window}"
        )
    if not 0 <= options.false_loops < 1:
        parser.error(f"--false-loops {options.false_loops}: from 0 to less than 1")
    width, height = (int(side) for side in options.size.split("x"))
    frames = options.frames or default_frames(options.kind, options.window)
    scene = make_scene(options.kind, options.seed, frames, (width, height))
    windows, log_scales, loops = simulate(
        scene,
        options.window,
        options.overlap,
        options.scale,
        options.false_loops,
        options.severity,
        options.seed,
    )
    settings = {**vars(options), "out": str(options.out), "frames": frames, "windows": len(windows)}
    write(options.out, scene, windows, log_scales, loops, settings)
    print(options.out)


if __name__ == "__main__":
    main()
