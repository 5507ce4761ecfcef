"""Join the windows of a video: one path, one factor a window, segments, loops closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window, WindowCameras, shared_frames
from page4d_cli.join.closing import Loop, LoopVerdict, close
from page4d_cli.join.cuts import find_cuts, split_at
from page4d_cli.join.held_out import HeldOut, compare
from page4d_cli.join.known_path import KnownPath, follow_known
from page4d_cli.join.scales import (
    UNKNOWN,
    LogRatio,
    camera_ratio,
    depth_ratio,
    fuse,
    settle_log_scales,
)
from page4d_cli.join.section import Section, WindowPiece
from page4d_cli.join.skips import Skips, follow_skips
from page4d_cli.join.steps import average_steps


@dataclass(frozen=True)
class Join:
    """What was found out about two neighbouring windows."""

    windows: tuple[int, int]
    by_cameras: LogRatio
    by_depth: LogRatio
    log_scale: float
    """What was made of it."""

    @property
    def variance(self) -> float:
        """Of the log ratio, as it was measured."""
        return fuse(self.by_cameras, self.by_depth).variance


@dataclass(frozen=True)
class Piece:
    """A window, or the part of one that lies in one segment."""

    window: int
    frames: range
    """Numbers in the video."""
    log_scale: float
    """Log of what its lengths are multiplied by."""


@dataclass(frozen=True)
class JoinedPath:
    """The cameras of a video of F frames in one unit a segment."""

    first_frame: int
    """Number of the first frame in the video."""
    T_world_camera: Float64Array
    """(F, 3, 4); the world is the first camera of the frame's segment. NaN: in no window."""
    segment: Int64Array
    """(F,) counts up where the video was cut, or windows do not overlap."""
    pieces: tuple["Piece", ...]
    """The windows; those that a cut goes through, in parts."""
    joins: tuple[Join, ...]
    loops: tuple[LoopVerdict, ...]
    held_out: tuple[HeldOut, ...]
    """How windows agree before and after loops were closed, of each segment with candidates."""
    follows_known: bool = False
    """Whether all of it lies along known poses, in their world and unit."""

    @property
    def log_scales(self) -> Float64Array:
        """(windows,) log of what the lengths of each window, or its largest piece, take."""
        by_size = sorted(self.pieces, key=lambda piece: len(piece.frames))
        largest = {piece.window: piece.log_scale for piece in by_size}
        return np.array([largest[window] for window in sorted(largest)])

    @property
    def segment_starts(self) -> list[int]:
        """Numbers of the frames at which a world and a unit of its own begins."""
        begins = np.flatnonzero(np.diff(self.segment, prepend=-1))
        return [int(frame) + self.first_frame for frame in begins]

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """(F,) whether some window shows a frame."""
        return np.asarray(np.isfinite(self.T_world_camera).all((1, 2)))


def join_windows(
    windows: Sequence[Window],
    loops: Sequence[Loop] = (),
    skips: Sequence[Window] = (),
    known: KnownPath | None = None,
) -> JoinedPath:
    """Join windows.

    Args:
        windows: in the video's order; of each, frames increase by one. They may be read from files
            when they are asked for: no more than two are needed at a time.
        loops: candidates.
        skips: windows of every k-th frame, in the video's order; they see farther, and mend what
            the chain of the others adds up.
        known: poses of some frames. Segments with two of them or more are brought into their world,
            and are one; there loops are not closed.

    Returns:
        Every frame once. The unit is that of the first window, or of the known poses.
    """
    sections, joins = _join_sections(windows)
    if skips:
        shorter = Skips(skips)
        coarse, _ = _join_sections(shorter)
        sections = [
            follow_skips(section, [join.variance for join in of_section], shorter, coarse)
            for section, of_section in zip(sections, joins, strict=True)
        ]
    first = min(section.first_frame for section in sections)
    count = max(section.first_frame + len(section.path) for section in sections) - first
    path, segment = np.full((count, 3, 4), np.nan), np.zeros(count, np.int64)
    pieces: list[Piece] = []
    verdicts: list[LoopVerdict] = []
    agreements: list[HeldOut] = []
    placed = [_place(loop, sections) for loop in loops]
    number, was_fitted, all_fitted = -1, False, known is not None
    for index, (section, of_section) in enumerate(zip(sections, joins, strict=True)):
        mine = [loop for loop, place in zip(loops, placed, strict=True) if place == index]
        variances = [join.variance for join in of_section]
        fitted = follow_known(section, variances, known) if known else None
        if fitted is None:
            closed, said, agreement = close(section, mine)
        else:
            closed, said, agreement = fitted, _not_needed(mine), compare(section, fitted)
        number += not (was_fitted and fitted is not None)
        was_fitted = fitted is not None
        all_fitted &= was_fitted
        verdicts += said
        agreements += [agreement] if agreement else []
        begin = closed.first_frame - first
        path[begin : begin + len(closed.path)] = closed.path
        segment[begin:] = number
        for piece, scale in zip(closed.pieces, closed.log_scales, strict=True):
            frames = range(int(piece.cameras.indices[0]), int(piece.cameras.indices[-1]) + 1)
            pieces.append(Piece(piece.window, frames, float(scale)))
    verdicts += [
        LoopVerdict(loop.frames, False, "its frames are not of one segment")
        for loop, place in zip(loops, placed, strict=True)
        if place is None
    ]
    return JoinedPath(
        first,
        path,
        segment,
        tuple(pieces),
        tuple(join for of_section in joins for join in of_section),
        tuple(verdicts),
        tuple(agreements),
        follows_known=all_fitted,
    )


def _not_needed(loops: Sequence[Loop]) -> list[LoopVerdict]:
    return [LoopVerdict(loop.frames, False, "the path is known") for loop in loops]


def _join_sections(windows: Sequence[Window]) -> tuple[list[Section], list[list[Join]]]:
    """The segments of a video by its neighbouring windows alone, and the joins of each."""
    cameras = [window.cameras for window in windows]
    sections, joins = [], []
    for pieces in _segments(cameras, find_cuts(cameras)):
        found = _join_pieces(windows, pieces)
        scales = -np.concatenate([[0.0], np.cumsum([join.log_scale for join in found])])
        path = average_steps([piece.cameras for piece in pieces], scales).follow()
        sections.append(Section(windows, pieces, scales, path))
        joins.append(found)
    return sections, joins


def _segments(cameras: Sequence[WindowCameras], cuts: Sequence[int]) -> list[list[WindowPiece]]:
    """Pieces by segment: between cuts, and wherever a step is seen by no window."""
    pieces = [
        WindowPiece(n, part) for n, path in enumerate(cameras) for part in split_at(path, cuts)
    ]
    pieces.sort(key=lambda piece: (int(piece.cameras.indices[0]), piece.window))
    segments: list[list[WindowPiece]] = []
    end = -1
    for piece in pieces:
        begin, last = int(piece.cameras.indices[0]), int(piece.cameras.indices[-1])
        if not segments or begin > end:
            segments.append([])
            end = last
        segments[-1].append(piece)
        end = max(end, last)
    return segments


def _join_pieces(windows: Sequence[Window], pieces: Sequence[WindowPiece]) -> list[Join]:
    """Measure neighbours, and settle what their units are to one another."""
    measured = []
    for a, b in pairwise(pieces):
        in_a, _ = shared_frames(a.cameras.indices, b.cameras.indices)
        shared = a.cameras.indices[in_a]
        by_depth = (
            depth_ratio(windows[a.window], windows[b.window], shared) if len(shared) else UNKNOWN
        )
        measured.append((a, b, camera_ratio(a.cameras, b.cameras), by_depth))
    settled = settle_log_scales([fuse(cameras, depth) for *_, cameras, depth in measured])
    return [
        Join((a.window, b.window), cameras, depth, float(scale))
        for (a, b, cameras, depth), scale in zip(measured, settled, strict=True)
    ]


def _place(loop: Loop, sections: Sequence[Section]) -> int | None:
    """The segment that shows all of a loop's frames."""
    indices = loop.indices
    for number, section in enumerate(sections):
        begin = section.first_frame
        if begin <= indices.min() and indices.max() < begin + len(section.path):
            return number
    return None
