"""What windows of every k-th frame mend: they see farther, and fewer of them span the video.

A chain of windows adds up what each one errs. Windows of every k-th frame are a video of their own,
joined by the same steps (`join._join_sections`), with a k-th as many joins. The factor of every
window is then measured against theirs, and the path between two of their frames is the mean of
both, each by how well its windows agree with one another.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window, WindowCameras
from page4d_cli.join.bending import Nodes, bend
from page4d_cli.join.scales import (
    UNKNOWN,
    LogRatio,
    camera_ratio,
    change_along_chain,
    depth_ratio,
    fuse,
)
from page4d_cli.join.section import Section
from page4d_cli.join.steps import Steps, average_steps, measure_noise

_LEAST_SHARED = 4
"""Frames that a window must share with one of every k-th frame to be measured against it."""


class Skips(Sequence[Window]):
    """Windows of every k-th frame, numbered by those frames alone: windows of a shorter video.

    Args:
        windows: in the video's order, all with the same step.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        first = windows[0].indices
        self._windows = windows
        self.step = int(first[1] - first[0])
        self.first = int(first[0]) % self.step

    def __len__(self) -> int:
        return len(self._windows)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        window = self._windows[index]
        return replace(window, indices=(window.indices - self.first) // self.step)

    def in_video(self, numbers: Int64Array) -> Int64Array:
        """Numbers in the video of frames of the shorter one."""
        return numbers * self.step + self.first


def follow_skips(
    section: Section, variances: Sequence[float], skips: Skips, coarse: Sequence[Section]
) -> Section:
    """Correct factors and path of a section by windows of every k-th frame.

    Args:
        section: as its neighbouring windows make it.
        variances: (pieces - 1) of the log ratios of neighbours.
        skips: how frames of `coarse` are numbered.
        coarse: what those windows make, joined among themselves.

    Returns:
        The section in the unit that it had; itself where the windows of every k-th frame say
        nothing of it.
    """
    measured = [_measure(section, skips, part) for part in coarse]
    known = [sum(np.isfinite(ratio.variance) for ratio in ratios) for ratios in measured]
    if max(known, default=0) < 2:
        return section
    best = int(np.argmax(known))
    change = change_along_chain(section.log_scales, measured[best], np.array(variances))
    log_scales = section.log_scales + change - change[0]
    path = average_steps(section.cameras, log_scales).follow()
    section = replace(section, log_scales=log_scales, path=path)
    unit = float(np.exp(-change[0]))
    return _follow(section, skips, coarse[best], unit)


def _measure(section: Section, skips: Skips, coarse: Section) -> list[LogRatio]:
    """Log of what each window is multiplied by to have the unit of the coarse path."""
    found = []
    for piece in section.pieces:
        said = UNKNOWN
        for part, log_scale in zip(coarse.pieces, coarse.log_scales, strict=True):
            cameras = replace(part.cameras, indices=skips.in_video(part.cameras.indices))
            shared = np.intersect1d(cameras.indices, piece.cameras.indices)
            if len(shared) < _LEAST_SHARED:
                continue
            other = coarse.windows[part.window]
            other = replace(other, indices=skips.in_video(other.indices))
            window = section.windows[piece.window]
            by_cameras = camera_ratio(cameras.at(shared), piece.cameras.at(shared))
            ratio = fuse(by_cameras, depth_ratio(other, window, shared))
            said = fuse(said, LogRatio(float(log_scale) - ratio.value, ratio.variance))
        found.append(said)
    return found


def _follow(section: Section, skips: Skips, coarse: Section, unit: float) -> Section:
    """Bend the path to the mean of its own and the coarse steps."""
    numbers = np.arange(len(coarse.path)) + coarse.first_frame
    at = skips.in_video(numbers) - section.first_frame
    inside = (at >= 0) & (at < len(section.path))
    at = at[inside]
    if len(at) < 2:
        return section
    path, other = section.path[at], coarse.path[inside]
    turn, move = _share(section, skips, coarse, unit)
    turns, moves = _steps(path)
    other_turns, other_moves = _steps(other)
    apart = Rotation.from_matrix(np.swapaxes(turns, 1, 2) @ other_turns).as_rotvec()
    mean = Steps(
        0,
        turns @ Rotation.from_rotvec(turn * apart).as_matrix(),
        moves + move * (unit * other_moves - moves),
    ).follow()
    begin = path[0]
    zeros = np.zeros(len(at))
    moved = Nodes(begin[:, :3] @ mean[..., :3], mean[..., 3] @ begin[:, :3].T + begin[:, 3], zeros)
    bent = bend(section.path, at, Nodes(path[..., :3], path[..., 3], zeros), moved)
    return replace(section, path=bent)


def _steps(path: Float64Array) -> tuple[Float64Array, Float64Array]:
    cameras = WindowCameras(np.arange(len(path)), path)
    return cameras.turns, cameras.moves


def _share(section: Section, skips: Skips, coarse: Section, unit: float) -> tuple[float, float]:
    """How much coarse turns and moves count against the fine ones; half if nothing tells."""
    fine = measure_noise(section.cameras, section.log_scales)
    rough = measure_noise(coarse.cameras, coarse.log_scales + np.log(unit))
    pairs = (
        (skips.step * fine.turn_variance, rough.turn_variance),
        (skips.step * fine.move_variance, rough.move_variance),
    )
    turn, move = (mine / (mine + its) if its > 0 else 0.5 for mine, its in pairs)
    return turn, move
