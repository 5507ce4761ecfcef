"""Frames whose unit of length is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.types import Float64Array, FrameInfo, Int64Array

MOST_FRAMES = 200
"""More do not make a median better; frames are taken evenly."""


@dataclass(frozen=True)
class ClipFrames:
    """What is known of S frames before anything is predicted."""

    infos: Sequence[FrameInfo]
    """S; the transforms lead from the source to the pixels of the maps."""
    timestamp_source: TimestampSource


@dataclass(frozen=True)
class SeenFrames(ClipFrames):
    """S frames in one world and one unit."""

    T_world_camera: Float64Array
    """(S, 3, 4); NaN where it is not known."""
    posed_depth: Callable[[int], PosedDepth]
    """Of a frame, by its place among the S; without the padding."""


def evenly(indices: Sequence[int]) -> list[int]:
    """At most `MOST_FRAMES` of them."""
    count = min(len(indices), MOST_FRAMES)
    places: Int64Array = np.linspace(0, len(indices) - 1, count).round().astype(np.int64)
    return [indices[place] for place in places]
