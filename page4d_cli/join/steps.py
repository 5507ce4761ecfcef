"""A camera path out of overlapping windows: every step is the mean of what the windows say of it.

Windows drift apart from one another, so that no one transform joins two of them well. Their steps
from frame to frame can be averaged all the same, whatever each window's world; where a window ends
the path goes on without a seam. What is independent from frame to frame in a window's poses cancels
again in the sum of its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array
from page4d_cli.core.window import WindowCameras, shared_frames

_STRIDE = 6
"""Frames over which two windows are compared: noise of single frames says little about drift."""


@dataclass(frozen=True)
class Steps:
    """The steps of F consecutive frames."""

    first_frame: int
    """Number of the first frame in the video."""
    turns: Float64Array
    """(F - 1, 3, 3) rotation, in the camera before the step."""
    moves: Float64Array
    """(F - 1, 3) translation, in the camera before the step and the joined unit."""

    def follow(self) -> Float64Array:
        """T_world_camera (F, 3, 4); the world is the first camera."""
        path = np.zeros((len(self.turns) + 1, 3, 4))
        path[0, :, :3] = np.eye(3)
        for step, (turn, move) in enumerate(zip(self.turns, self.moves, strict=True)):
            rotation = path[step, :, :3]
            path[step + 1, :, :3] = rotation @ turn
            path[step + 1, :, 3] = path[step, :, 3] + rotation @ move
        path[..., :3] = Rotation.from_matrix(path[..., :3]).as_matrix()  # rounding adds up
        return path


def average_steps(pieces: Sequence[WindowCameras], log_scales: Float64Array) -> Steps:
    """Average the steps of windows without a gap between them.

    Args:
        pieces: of one segment; together they cover every step of it.
        log_scales: (pieces,) log of what a piece's lengths are multiplied by.
    """
    first = min(int(piece.indices[0]) for piece in pieces)
    count = max(int(piece.indices[-1]) for piece in pieces) - first
    at = np.concatenate([piece.indices[:-1] - first for piece in pieces])
    turns = np.concatenate([piece.turns for piece in pieces])
    moves = [piece.moves * np.exp(s) for piece, s in zip(pieces, log_scales, strict=True)]
    reference = np.empty((count, 3, 3))
    reference[at] = turns
    apart = Rotation.from_matrix(np.swapaxes(reference[at], 1, 2) @ turns).as_rotvec()
    sums, seen = np.zeros((count, 6)), np.zeros(count)
    np.add.at(sums, at, np.concatenate([apart, np.concatenate(moves)], axis=1))
    np.add.at(seen, at, 1)
    means = sums / seen[:, None]
    averaged = reference @ Rotation.from_rotvec(means[:, :3]).as_matrix()
    return Steps(first, averaged, means[:, 3:])


@dataclass(frozen=True)
class StepNoise:
    """How far averaged steps are off, from how far windows differ; 0 if none overlap."""

    turn_variance: float
    """rad² a step and axis."""
    move_variance: float
    """Squared joined units a step and axis."""


def measure_noise(pieces: Sequence[WindowCameras], log_scales: Float64Array) -> StepNoise:
    """Compare neighbouring windows over a few steps; arguments as in `average_steps`.

    Two windows differ by the errors of both; their mean is off by half of each, so by a quarter of
    the variance of their difference.
    """
    turns, moves = [], []
    scaled = zip(pieces, np.exp(log_scales), strict=True)
    for (a, scale_a), (b, scale_b) in pairwise(scaled):
        in_a, in_b = shared_frames(a.indices, b.indices)
        stride = min(_STRIDE, len(in_a) - 1)
        if stride < 1:
            continue
        turn_a, move_a = _over(a.T_world_camera[in_a], stride)
        turn_b, move_b = _over(b.T_world_camera[in_b], stride)
        apart = Rotation.from_matrix(np.swapaxes(turn_a, 1, 2) @ turn_b).as_rotvec()
        turns.append((apart**2).mean(1) / stride)
        moves.append(((move_a * scale_a - move_b * scale_b) ** 2).mean(1) / stride)
    if not turns:
        return StepNoise(0.0, 0.0)
    quarter = 0.25
    return StepNoise(
        quarter * float(np.mean(np.concatenate(turns))),
        quarter * float(np.mean(np.concatenate(moves))),
    )


def _over(T_world_camera: Float64Array, stride: int) -> tuple[Float64Array, Float64Array]:
    """Turns (M, 3, 3) and moves (M, 3) over so many frames, in the camera before them."""
    rotations, centres = T_world_camera[..., :3], T_world_camera[..., 3]
    before = rotations[:-stride]
    moves = np.einsum("nji,nj->ni", before, centres[stride:] - centres[:-stride])
    return np.swapaxes(before, 1, 2) @ rotations[stride:], moves
