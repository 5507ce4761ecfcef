"""Where a video was cut: steps of the camera that no camera takes."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array
from page4d_cli.core.window import WindowCameras, shared_frames

_LEAST_TURN_RAD = np.deg2rad(5)
_DISAGREEMENT = 10.0
"""How many times more than usual windows must disagree about a step, or one must turn."""
_LEAP = 20.0
"""How many times farther than usual a step must lead."""


def find_cuts(windows: Sequence[WindowCameras]) -> list[int]:
    """Find hard cuts: the first frames after each, in order.

    A network puts the two sides of a cut somewhere. Two windows that see it say different things
    of it; one alone sees the camera leap and turn.

    Args:
        windows: in the video's order.
    """
    return sorted(_disputed(windows) | _leaps(windows))


def split_at(window: WindowCameras, cuts: Sequence[int]) -> list[WindowCameras]:
    """The pieces of a window between cuts."""
    places = [int(place) for place in np.searchsorted(window.indices, cuts)]
    bounds = [0, *(place for place in places if 0 < place < len(window)), len(window)]
    return [window.piece(first, stop) for first, stop in pairwise(bounds)]


def _disputed(windows: Sequence[WindowCameras]) -> set[int]:
    frames, angles = [np.zeros(0, np.int64)], [np.zeros(0)]
    for a, b in pairwise(windows):
        in_a, in_b = shared_frames(a.indices, b.indices)
        if len(in_a) < 2:
            continue
        turns_a, turns_b = a.turns[in_a[:-1]], b.turns[in_b[:-1]]
        frames.append(a.indices[in_a[1:]])
        angles.append(Rotation.from_matrix(np.swapaxes(turns_a, 1, 2) @ turns_b).magnitude())
    frame, angle = np.concatenate(frames), np.concatenate(angles)
    if not len(angle):
        return set()
    limit = max(_LEAST_TURN_RAD, _DISAGREEMENT * float(np.median(angle)))
    return {int(found) for found in frame[angle > limit]}


def _leaps(windows: Sequence[WindowCameras]) -> set[int]:
    found: set[int] = set()
    for window in windows:
        if len(window) < 3:
            continue
        lengths: Float64Array = np.linalg.norm(window.moves, axis=1)
        angles = Rotation.from_matrix(window.turns).magnitude()
        turned = angles > max(_LEAST_TURN_RAD, _DISAGREEMENT * float(np.median(angles)))
        leaps = (lengths > _LEAP * np.median(lengths)) & turned
        found.update(int(index) for index in window.indices[1:][leaps])
    return found
