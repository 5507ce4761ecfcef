"""Draw a short clip: a ball rolls through a tiled room while the camera moves along.

    python examples/draw_frames.py --out frames/

The frames in `examples/frames/`, which `make demo` runs on, were made by this script.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

ROOM = np.array([3.0, 1.5, 4.0])  # half the room's extent: x, y down, z forward
BALL_RADIUS = 0.5
LIGHT = np.array([0.4, -0.8, -0.4])
WALL_COLOURS = np.array([[0.80, 0.55, 0.40], [0.60, 0.62, 0.58], [0.45, 0.60, 0.80]])


def camera_rays(width: int, height: int, time: float) -> tuple[Array, Array]:
    """Origin (3,) and directions (H, W, 3) of a camera that drifts right and turns left."""
    v, u = np.mgrid[:height, :width].astype(float)
    focal_px = 0.9 * width
    directions = np.stack(
        [(u - width / 2) / focal_px, (v - height / 2) / focal_px, np.ones_like(u)], axis=-1
    )
    turn = 0.3 * (0.5 - time)
    rotation = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    return np.array([time - 0.5, -0.1, -3.0]), directions @ rotation.T


def shade_room(origin: Array, directions: Array) -> tuple[Array, Array]:
    """Distance (H, W) to the walls and their tiled colour (H, W, 3), seen from inside."""
    with np.errstate(divide="ignore"):
        reach = (np.copysign(ROOM, directions) - origin) / directions
    axis = reach.argmin(axis=-1)
    distance = reach.min(axis=-1)
    hit = origin + distance[..., None] * directions
    tiles = np.floor(hit * 1.5 + 1e-3).astype(int)
    along = np.where(np.arange(3) == axis[..., None], 0, tiles).sum(axis=-1)
    return distance, WALL_COLOURS[axis] * np.where(along % 2, 1.0, 0.7)[..., None]


def shade_ball(origin: Array, directions: Array, time: float) -> tuple[Array, Array]:
    """Distance (H, W) to the ball, infinite beside it, and its striped colour (H, W, 3)."""
    centre = np.array([1.5 - 3 * time, ROOM[1] - BALL_RADIUS, 0.5])
    to_centre = centre - origin
    a = (directions**2).sum(-1)
    b = directions @ to_centre
    root = b**2 - a * (to_centre @ to_centre - BALL_RADIUS**2)
    distance = np.where(root > 0, (b - np.sqrt(root.clip(0))) / a, np.inf)
    normal = np.where(root[..., None] > 0, origin + (b / a)[..., None] * directions - centre, 0)
    facing = (normal / BALL_RADIUS) @ (LIGHT / np.linalg.norm(LIGHT))
    stripe = np.sin(9 * np.arctan2(normal[..., 1], normal[..., 0]) + 3 * time / BALL_RADIUS) > 0
    colour = np.where(stripe[..., None], [0.90, 0.25, 0.20], [0.95, 0.90, 0.80])
    return distance, colour * (0.65 + 0.35 * facing[..., None])


def draw(width: int, height: int, time: float) -> NDArray[np.uint8]:
    """One picture (H, W, 3) at a time between 0 and 1."""
    origin, directions = camera_rays(width, height, time)
    room, room_colour = shade_room(origin, directions)
    ball, ball_colour = shade_ball(origin, directions, time)
    colour = np.where((ball < room)[..., None], ball_colour, room_colour)
    return np.asarray((255 * colour.clip(0, 1)).round(), np.uint8)


def main() -> None:
    """Write the frames as JPEG."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 240), metavar=("W", "H"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for index in range(arguments.frames):
        width, height = arguments.size
        picture = draw(width, height, time=index / max(arguments.frames - 1, 1))
        Image.fromarray(picture).save(arguments.out / f"{index:04d}.jpg", quality=92)


if __name__ == "__main__":
    main()
