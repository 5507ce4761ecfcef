"""Join the windows of a video: one path, one factor a window, segments, loops closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window, WindowCameras, shared_frames
from page4d_cli.join.cuts import find_cuts, split_at
from page4d_cli.join.loops import AGREEMENT, Similarity, agreement, place_look, two_looks
from page4d_cli.join.pose_graph import Links, Nodes, close_loops
from page4d_cli.join.scales import (
    UNKNOWN,
    LogRatio,
    camera_ratio,
    depth_ratio,
    fuse,
    settle_log_scales,
)
from page4d_cli.join.steps import average_steps, measure_noise

_NODE_EVERY = 15
_TAKEN = 0.25
"""What a loop must still count in the end."""
_LOOP_TURN_RAD = np.deg2rad(1.0)
_LOOP_SHIFT = 0.02
"""Deviation of a loop's translation, in median depths."""
_LOOP_LOG_SCALE = 0.02
_LEAST_CREEP = 0.005
"""Deviation of log scale from window to window that no join shows."""
_LEAST_SHIFT = 0.0005
"""Deviation of a link of the path, in median depths."""
_LEAST_TURN_RAD = np.deg2rad(0.03)


@dataclass(frozen=True)
class LoopVerdict:
    """What became of a candidate."""

    frames: tuple[int, int]
    """The middle frames of both looks, the later one first."""
    taken: bool
    reason: str
    """In words."""


@dataclass(frozen=True)
class Join:
    """What was found out about two neighbouring windows."""

    windows: tuple[int, int]
    by_cameras: LogRatio
    by_depth: LogRatio
    log_scale: float
    """What was made of it."""


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


@dataclass(frozen=True)
class _Piece:
    """A piece before its scale is known."""

    window: int
    cameras: WindowCameras


def join_windows(windows: Sequence[Window], loops: Sequence[Window] = ()) -> JoinedPath:
    """Join windows.

    Args:
        windows: in the video's order; of each, frames increase by one. They may be read from files
            when they are asked for: no more than two are needed at a time.
        loops: windows of two looks at what may be one place, the later look first.

    Returns:
        Every frame once. The unit is that of the first window.
    """
    cameras = [window.cameras for window in windows]
    segments = _segments(cameras, find_cuts(cameras))
    first = min(int(path.indices[0]) for path in cameras)
    count = max(int(path.indices[-1]) for path in cameras) + 1 - first
    path, segment = np.full((count, 3, 4), np.nan), np.zeros(count, np.int64)
    placed_pieces: list[Piece] = []
    joins: list[Join] = []
    verdicts: list[LoopVerdict] = []
    placed = [_place(loop, segments) for loop in loops]
    for number, pieces in enumerate(segments):
        found = _join_pieces(windows, pieces)
        joins += found
        scales = -np.concatenate([[0.0], np.cumsum([join.log_scale for join in found])])
        bent, scales, said = _close(
            windows,
            pieces,
            scales,
            [loop for loop, place in zip(loops, placed, strict=True) if place == number],
        )
        verdicts += said
        begin = int(min(piece.cameras.indices[0] for piece in pieces)) - first
        path[begin : begin + len(bent)] = bent
        segment[begin:] = number
        for piece, scale in zip(pieces, scales, strict=True):
            frames = range(int(piece.cameras.indices[0]), int(piece.cameras.indices[-1]) + 1)
            placed_pieces.append(Piece(piece.window, frames, float(scale)))
    verdicts += [
        LoopVerdict(_frames_of(loop), False, "its frames are not of one segment")
        for loop, place in zip(loops, placed, strict=True)
        if place is None
    ]
    return JoinedPath(first, path, segment, tuple(placed_pieces), tuple(joins), tuple(verdicts))


def _segments(cameras: Sequence[WindowCameras], cuts: Sequence[int]) -> list[list[_Piece]]:
    """Pieces by segment: between cuts, and wherever a step is seen by no window."""
    pieces = [_Piece(n, part) for n, path in enumerate(cameras) for part in split_at(path, cuts)]
    pieces.sort(key=lambda piece: (int(piece.cameras.indices[0]), piece.window))
    segments: list[list[_Piece]] = []
    end = -1
    for piece in pieces:
        begin, last = int(piece.cameras.indices[0]), int(piece.cameras.indices[-1])
        if not segments or begin > end:
            segments.append([])
            end = last
        segments[-1].append(piece)
        end = max(end, last)
    return segments


def _join_pieces(windows: Sequence[Window], pieces: Sequence[_Piece]) -> list[Join]:
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


def _place(loop: Window, segments: Sequence[Sequence[_Piece]]) -> int | None:
    """The segment that shows all of a loop's frames."""
    for number, pieces in enumerate(segments):
        begin = min(int(piece.cameras.indices[0]) for piece in pieces)
        end = max(int(piece.cameras.indices[-1]) for piece in pieces)
        if begin <= loop.indices.min() and loop.indices.max() <= end:
            return number
    return None


def _frames_of(loop: Window) -> tuple[int, int]:
    here, there = two_looks(loop)
    return int(loop.indices[here[len(here) // 2]]), int(loop.indices[there[len(there) // 2]])


def _close(
    windows: Sequence[Window],
    pieces: Sequence[_Piece],
    log_scales: Float64Array,
    loops: Sequence[Window],
) -> tuple[Float64Array, Float64Array, list[LoopVerdict]]:
    """The path of a segment (F, 3, 4), the scales of its pieces, and what became of its loops."""
    steps = average_steps([piece.cameras for piece in pieces], log_scales)
    path = steps.follow()
    verdicts: list[LoopVerdict] = []
    accepted: list[tuple[int, int, Similarity]] = []
    depths: list[float] = []
    for loop in loops:
        agreed = agreement(loop)
        if agreed < AGREEMENT:
            words = f"the two looks agree in {agreed:.0%} of their pixels, not {AGREEMENT:.0%}"
            verdicts.append(LoopVerdict(_frames_of(loop), False, words))
            continue
        edge, depth = _measure_loop(windows, pieces, log_scales, loop, path, steps.first_frame)
        accepted.append(edge)
        depths.append(depth)
    if not accepted:
        return path, log_scales, verdicts
    cameras = [piece.cameras for piece in pieces]
    noise = measure_noise(cameras, log_scales)
    spacing = max(1.0, (len(path) - 1) / max(1, len(pieces)))
    depth = float(np.median(depths))
    per_step = np.array([noise.turn_variance] * 3 + [noise.move_variance] * 3 + [0.0])
    per_step[6] = _LEAST_CREEP**2 / spacing
    least = np.array([_LEAST_TURN_RAD] * 3 + [_LEAST_SHIFT * depth] * 3 + [1e-4])
    ends = {end for a, b, _ in accepted for end in (a, b)}
    at = np.array(sorted({*range(0, len(path), _NODE_EVERY), len(path) - 1, *ends}), np.int64)
    nodes = Nodes(path[at, :, :3], path[at, :, 3], np.zeros(len(at)))
    index = {int(frame): number for number, frame in enumerate(at)}
    chain = _links(
        [(n, n + 1, _relative(path, int(a), int(b))) for n, (a, b) in enumerate(pairwise(at))],
        np.sqrt(np.diff(at)[:, None] * per_step + least**2),
    )
    loop_deviations = np.array([_LOOP_TURN_RAD] * 3 + [_LOOP_SHIFT * depth] * 3 + [_LOOP_LOG_SCALE])
    closing = _links(
        [(index[a], index[b], edge) for a, b, edge in accepted],
        np.repeat(loop_deviations[None], len(accepted), 0),
    )
    closed, weights = close_loops(nodes, chain, closing)
    for (a, b, _), weight in zip(accepted, weights, strict=True):
        taken = bool(weight > _TAKEN)
        words = "closed" if taken else "it contradicts the path and the other loops"
        frames = (a + steps.first_frame, b + steps.first_frame)
        verdicts.append(LoopVerdict(frames, taken, words))
    middles = np.array([np.median(piece.cameras.indices) - steps.first_frame for piece in pieces])
    grown = np.interp(middles, at, closed.log_scales)
    return _bend(path, at, nodes, closed), log_scales + grown, verdicts


def _relative(path: Float64Array, a: int, b: int) -> Similarity:
    back = path[a, :, :3].T
    return Similarity(0.0, back @ path[b, :, :3], back @ (path[b, :, 3] - path[a, :, 3]))


def _links(edges: Sequence[tuple[int, int, Similarity]], deviations: Float64Array) -> Links:
    return Links(
        np.array([a for a, *_ in edges], np.int64),
        np.array([b for _, b, _ in edges], np.int64),
        np.array([edge.rotation for *_, edge in edges]).reshape(-1, 3, 3),
        np.array([edge.translation for *_, edge in edges]).reshape(-1, 3),
        np.array([edge.log_scale for *_, edge in edges]),
        deviations,
    )


def _measure_loop(
    windows: Sequence[Window],
    pieces: Sequence[_Piece],
    log_scales: Float64Array,
    loop: Window,
    path: Float64Array,
    first_frame: int,
) -> tuple[tuple[int, int, Similarity], float]:
    """The look's frames within the path, one as the other sees it, and the place's median depth."""
    to_world, middles = [], []
    depth = 0.0
    for look in two_looks(loop):
        frames = loop.indices[look]
        scores = [np.isin(frames, piece.cameras.indices).sum() for piece in pieces]
        best = int(np.argmax(scores))
        unit = depth_ratio(loop, windows[pieces[best].window], frames)
        unit = LogRatio(unit.value + float(log_scales[best]), unit.variance)
        at = frames - first_frame
        to_world.append(place_look(loop, look, path[at], unit))
        middles.append(int(at[len(at) // 2]))
        maps = loop.depth[look]
        depth = float(np.median(maps[maps > 0])) * float(np.exp(unit.value))
    a, b = middles
    pose_a, pose_b = (Similarity(0.0, path[f, :, :3], path[f, :, 3]) for f in (a, b))
    edge = pose_a.inverse() @ to_world[0] @ to_world[1].inverse() @ pose_b
    return (a, b, edge), depth


def _bend(path: Float64Array, at: Int64Array, nodes: Nodes, closed: Nodes) -> Float64Array:
    """Move every frame with the nodes before and after it, each by its nearness."""
    frames = np.arange(len(path))
    before = np.clip(np.searchsorted(at, frames, side="right") - 1, 0, len(at) - 2)
    share = (frames - at[before]) / (at[before + 1] - at[before])
    moved = [_with_node(path, nodes, closed, before), _with_node(path, nodes, closed, before + 1)]
    apart = Rotation.from_matrix(np.swapaxes(moved[0][..., :3], 1, 2) @ moved[1][..., :3])
    turn = Rotation.from_rotvec(share[:, None] * apart.as_rotvec()).as_matrix()
    centres = (1 - share)[:, None] * moved[0][..., 3] + share[:, None] * moved[1][..., 3]
    return np.concatenate([moved[0][..., :3] @ turn, centres[..., None]], axis=2)


def _with_node(path: Float64Array, nodes: Nodes, closed: Nodes, node: Int64Array) -> Float64Array:
    turn = closed.rotations[node] @ np.swapaxes(nodes.rotations[node], 1, 2)
    scale = np.exp(closed.log_scales[node])[:, None]
    shift = np.einsum("fij,fj->fi", turn, path[..., 3] - nodes.centres[node])
    centres = closed.centres[node] + scale * shift
    return np.concatenate([turn @ path[..., :3], centres[..., None]], axis=2)
