"""Draw a scene: a room, a camera path through it, bodies that move, bodies that stand.

Bodies are drawn one by one, several candidates at a time; the first that keeps clear of the walls,
the camera and the others, at all times, is taken.
"""

from collections.abc import Callable

import numpy as np

from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.bodies import (
    Bodies,
    hanging_candidates,
    is_apart,
    is_inside,
    join_bodies,
    keeps_view_free,
    moving_candidates,
    room_body,
    standing_candidates,
)
from page4d_cli.data.synthetic.motion import HARMONICS, CameraPath, Wave
from page4d_cli.data.synthetic.recipe import SceneRecipe
from page4d_cli.data.synthetic.scene import SyntheticScene
from page4d_cli.data.synthetic.textures import draw_materials, on_six_sides

_LOOKS = 24
"""Times of the period at which clearances are measured."""
_CANDIDATES = 8
_TRIES_PER_BODY = 4
_ATTEMPTS = 500
_WALL_CLEARANCE_M = 0.5
"""Of the camera."""
_VIEW_TO_WALL_M = 2.0
"""Least horizontal distance along the camera's axis to a wall."""
DEFAULT_RECIPE = SceneRecipe()


def sample_scene(recipe: SceneRecipe = DEFAULT_RECIPE, seed: int = 0) -> SyntheticScene:
    """Draw a scene; equal recipes and seeds give equal scenes.

    Args:
        recipe: the family.
        seed: which one of it, from 0.

    Raises:
        ValueError: the recipe's camera paths fit into no room.
    """
    room_rng = np.random.default_rng([seed if recipe.room_seed is None else recipe.room_seed, 0])
    room = np.array([*room_rng.uniform(4.5, 7.5, 2), room_rng.uniform(2.5, 3.4)])
    walls = draw_materials(room_rng, 6, tile_m=(1.6, 3.2), contrast=0.3)
    rng = np.random.default_rng([seed, 1])
    looks_s = np.arange(_LOOKS) * recipe.period_s / _LOOKS
    for _ in range(_ATTEMPTS):
        camera = _draw_camera(rng, recipe, room)
        path = camera.T_world_camera(looks_s)
        if not _has_free_view(path, room):
            continue
        crowd = _Crowd(room, path, looks_s)
        _add_moving(rng, recipe, crowd)
        moving = len(crowd.bodies)
        if moving < recipe.moving_bodies[0]:
            continue
        _add_static(rng, recipe, crowd)
        bodies = join_bodies([room_body(room, recipe.period_s), *crowd.bodies])
        index = np.arange(len(bodies.shapes))
        materials = draw_materials(rng, len(crowd.bodies), tile_m=(0.5, 1.2), contrast=0.5)
        light = np.array([*rng.uniform(-0.7, 0.7, 2), 1.0])
        return SyntheticScene(
            seed=seed,
            shapes=bodies.shapes,
            half_size_m=bodies.half_size_m,
            motion=bodies.motion,
            is_moving=(index > 0) & (index <= moving),
            materials=np.concatenate([walls[None], on_six_sides(rng, materials)]),
            camera=camera,
            fov_rad=float(np.radians(rng.uniform(*recipe.fov_deg))),
            light=light / np.linalg.norm(light),
        )
    raise ValueError(f"no room has a place for the camera paths of {recipe}; shorten or turn less")


class _Crowd:
    """The bodies so far, and where they are when looked at."""

    def __init__(self, room: Float64Array, path: Float64Array, looks_s: Float64Array) -> None:
        self.room = room
        self.path = path
        """T_world_camera (T, 3, 4)."""
        self.bodies: list[Bodies] = []
        self._looks_s = looks_s
        self._centres: list[Float64Array] = []

    def add(self, candidates: Bodies, *, inside: bool = True) -> bool:
        """Take the first candidate that fits, if there is one; `inside` asks for free walls."""
        centres = candidates.motion.position.at(self._looks_s)
        fits = keeps_view_free(candidates, centres, self.path[..., 3])
        if inside:
            fits &= is_inside(candidates, centres, self.room)
        if self.bodies:
            reach_m = np.concatenate([body.reach_m for body in self.bodies])
            fits &= is_apart(candidates, centres, reach_m, np.concatenate(self._centres, 1))
        if not fits.any():
            return False
        chosen = int(fits.argmax())
        self.bodies.append(candidates.take(chosen))
        self._centres.append(centres[:, chosen : chosen + 1])
        return True


def _add_moving(rng: np.random.Generator, recipe: SceneRecipe, crowd: _Crowd) -> None:
    """Put moving bodies where the camera looks at some time."""
    for _ in range(int(rng.integers(recipe.moving_bodies[0], recipe.moving_bodies[1] + 1))):
        for _ in range(_TRIES_PER_BODY):
            pose = crowd.path[rng.integers(0, _LOOKS, _CANDIDATES)]
            distance = rng.uniform(1.5, 4.0, (_CANDIDATES, 1))
            aside = distance * rng.uniform(-0.4, 0.4, (_CANDIDATES, 1))
            around = pose[:, :2, 3] + distance * pose[:, :2, 2] + aside * pose[:, :2, 0]
            if crowd.add(moving_candidates(rng, _CANDIDATES, around, recipe.period_s)):
                break


def _add_static(rng: np.random.Generator, recipe: SceneRecipe, crowd: _Crowd) -> None:
    kinds: list[Callable[[np.random.Generator, int, Float64Array, float], Bodies]] = [
        standing_candidates,
        hanging_candidates,
    ]
    for _ in range(int(rng.integers(recipe.static_bodies[0], recipe.static_bodies[1] + 1))):
        kind = int(rng.uniform() < 0.3)
        crowd.add(kinds[kind](rng, _CANDIDATES, crowd.room, recipe.period_s), inside=kind == 0)


def _draw_camera(rng: np.random.Generator, recipe: SceneRecipe, room: Float64Array) -> CameraPath:
    """A swing to and fro, or a walk round, with a little unrest on top."""
    travel = rng.uniform(*recipe.camera_travel_m)
    turn = np.radians(rng.uniform(*recipe.camera_turn_deg))
    yaw = np.radians(rng.uniform(*recipe.camera_heading_deg))
    forward = np.array([np.cos(yaw), np.sin(yaw)])
    right = np.array([np.sin(yaw), -np.cos(yaw)])
    back = rng.uniform(0.0, 0.45) * room[:2].min()
    aside = rng.uniform(-0.2, 0.2) * room[:2].min()
    centre = np.array([*(aside * right - back * forward), rng.uniform(0.9, 1.8)])
    line = np.array([*(right + rng.uniform(-0.6, 0.6) * forward), rng.uniform(-0.3, 0.3)])
    swing = np.zeros((HARMONICS, 3))
    swing[0] = travel / 2 * line / np.linalg.norm(line)
    swing[1:] = 0.06 * travel * rng.uniform(-1, 1, (2, 3))
    # Turning against the sideways motion keeps the middle of the room in view.
    angles = np.zeros((HARMONICS, 3))
    angles[0] = turn / 2 * np.array([rng.choice([1, 1, -1]), rng.uniform(-0.2, 0.2), 0])
    angles[1:] = 0.06 * turn * rng.uniform(-1, 1, (2, 3))
    phase = rng.uniform(0, 2 * np.pi, (HARMONICS, 1)) * np.ones(3)
    looks = np.array([yaw, rng.uniform(-0.35, -0.08), 0.0])
    moves = Wave(centre, swing, phase, recipe.period_s)
    # Drawn last, and only if asked for: the scenes of other recipes stay what they were.
    if recipe.camera_round_m[1] > 0:
        moves = _rounded(moves, rng.uniform(*recipe.camera_round_m))
    return CameraPath(moves, Wave(looks, angles, phase, recipe.period_s))


def _rounded(line: Wave, width: float) -> Wave:
    """An ellipse of a swing along a line: level and across it, a quarter of a period behind."""
    along = line.amplitude[0]
    across = width / 2 * np.array([-along[1], along[0], 0.0]) / np.hypot(*along[:2])
    # A sine and a cosine of one pace are a sine of another amplitude and phase.
    amplitude, phase = line.amplitude.copy(), line.phase.copy()
    amplitude[0] = np.hypot(along, across)
    phase[0] += np.arctan2(across, along)
    return Wave(line.centre, amplitude, phase, line.period_s)


def _has_free_view(path: Float64Array, room: Float64Array) -> bool:
    """Whether T_world_camera (T, 3, 4) keeps off the walls and never looks at one from near by."""
    position, forward = path[..., 3], path[:, :2, 2]
    margin = np.array([*(room[:2] / 2 - _WALL_CLEARANCE_M), room[2] / 2 - _WALL_CLEARANCE_M])
    if (np.abs(position - [0, 0, room[2] / 2]) > margin).any():
        return False
    with np.errstate(divide="ignore"):
        to_wall = (room[:2] / 2 - np.sign(forward) * position[:, :2]) / np.abs(forward)
    return bool(to_wall.min() > _VIEW_TO_WALL_M)
