"""A section bent so that its loops close, as far as that does not tear its windows apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.join.bending import Nodes, bend
from page4d_cli.join.held_out import HeldOut, measure_agreement
from page4d_cli.join.loops import AGREEMENT, Similarity, agreement, place_look, two_looks
from page4d_cli.join.pose_graph import Links, close_loops
from page4d_cli.join.scales import LogRatio, depth_ratio
from page4d_cli.join.section import Section
from page4d_cli.join.steps import measure_noise

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
class Loop:
    """A candidate: two looks at what may be one place."""

    indices: Int64Array
    """(N,) numbers of the frames of both looks, those of the later one first."""
    read: Callable[[], Window]
    """Gives what the network says of them; asked once, when the loop's turn has come."""
    is_given: bool = False
    """Somebody knows that the places are one: it is taken, whatever speaks against it."""

    @classmethod
    def of(cls, window: Window, *, is_given: bool = False) -> "Loop":
        """A loop whose window is there already."""
        return cls(window.indices, lambda: window, is_given)

    @property
    def frames(self) -> tuple[int, int]:
        """The middle frames of both looks, the later one first."""
        here, there = two_looks(self.indices)
        return int(self.indices[here[len(here) // 2]]), int(self.indices[there[len(there) // 2]])


@dataclass(frozen=True)
class LoopVerdict:
    """What became of a candidate."""

    frames: tuple[int, int]
    """The middle frames of both looks, the later one first."""
    taken: bool
    reason: str
    """In words."""


@dataclass(frozen=True)
class _Edge:
    """A loop as the graph takes it."""

    loop: Loop
    ends: tuple[int, int]
    """Frames of the section, the later one first."""
    seen: Similarity
    """The second as the first sees it."""
    depth: float
    """Median depth of the place, in the joined unit."""


def close(
    section: Section, loops: Sequence[Loop]
) -> tuple[Section, list[LoopVerdict], HeldOut | None]:
    """Close the loops of a section.

    Loops that contradict the path or one another lose their say in the graph. If held-out pixels of
    the overlaps agree worse afterwards, the least certain loop is taken back, until they do not.

    Args:
        section: as its joins alone make it.
        loops: whose frames lie in the section.

    Returns:
        The section, what became of each loop, and how held-out pixels agree; None without a loop
        that closes.
    """
    edges, verdicts = [], []
    for loop in loops:
        window = loop.read()
        agreed = agreement(window)
        if agreed >= AGREEMENT or loop.is_given:
            edges.append(_measure(section, loop, window))
        else:
            words = f"the two looks agree in {agreed:.0%} of their pixels, not {AGREEMENT:.0%}"
            verdicts.append(LoopVerdict(loop.frames, False, words))
    if not edges:
        return section, verdicts, None
    before = measure_agreement(section)
    closed, weights = _solve(section, edges)
    after = measure_agreement(closed)
    while doubtful := _doubtful(edges, weights) if after.is_worse_than(before) else []:
        torn = edges.pop(min(doubtful, key=lambda number: weights[number]))
        words = "held-out pixels of the overlaps agree worse once it is closed"
        verdicts.append(LoopVerdict(torn.loop.frames, False, words))
        closed, weights = _solve(section, edges)
        after = measure_agreement(closed)
    verdicts += [_verdict(edge, weight) for edge, weight in zip(edges, weights, strict=True)]
    return (
        closed,
        verdicts,
        HeldOut(before.share, after.share, is_worse=after.is_worse_than(before)),
    )


def _doubtful(edges: Sequence[_Edge], weights: Float64Array) -> list[int]:
    """Loops that are closed and can be taken back."""
    return [n for n, edge in enumerate(edges) if weights[n] > _TAKEN and not edge.loop.is_given]


def _verdict(edge: _Edge, weight: float) -> LoopVerdict:
    if edge.loop.is_given:
        return LoopVerdict(edge.loop.frames, True, "given")
    if weight > _TAKEN:
        return LoopVerdict(edge.loop.frames, True, "closed")
    words = "it contradicts the path and the other loops"
    return LoopVerdict(edge.loop.frames, False, words)


def _measure(section: Section, loop: Loop, window: Window) -> _Edge:
    """Place both looks in the joined world, and say how one sees the other."""
    to_world, middles = [], []
    depth = 0.0
    for look in two_looks(window.indices):
        frames = window.indices[look]
        scores = [np.isin(frames, piece.cameras.indices).sum() for piece in section.pieces]
        best = int(np.argmax(scores))
        unit = depth_ratio(window, section.windows[section.pieces[best].window], frames)
        unit = LogRatio(unit.value + float(section.log_scales[best]), unit.variance)
        at = frames - section.first_frame
        to_world.append(place_look(window, look, section.path[at], unit))
        middles.append(int(at[len(at) // 2]))
        maps = window.depth[look]
        depth = float(np.median(maps[maps > 0])) * float(np.exp(unit.value))
    a, b = middles
    pose_a, pose_b = (
        Similarity(0.0, section.path[f, :, :3], section.path[f, :, 3]) for f in middles
    )
    seen = pose_a.inverse() @ to_world[0] @ to_world[1].inverse() @ pose_b
    return _Edge(loop, (a, b), seen, depth)


def _solve(section: Section, edges: Sequence[_Edge]) -> tuple[Section, Float64Array]:
    """The section with these loops closed, and how much each counts in the end (edges,)."""
    if not edges:
        return section, np.zeros(0)
    path, count = section.path, len(section.path)
    depth = float(np.median([edge.depth for edge in edges]))
    ends = {end for edge in edges for end in edge.ends}
    at = np.array(sorted({*range(0, count, _NODE_EVERY), count - 1, *ends}), np.int64)
    nodes = Nodes(path[at, :, :3], path[at, :, 3], np.zeros(len(at)))
    index = {int(frame): number for number, frame in enumerate(at)}
    chain = _links(
        [(n, n + 1, _relative(path, int(a), int(b))) for n, (a, b) in enumerate(pairwise(at))],
        _chain_deviations(section, np.diff(at).astype(np.float64), depth),
    )
    deviations = np.array([_LOOP_TURN_RAD] * 3 + [_LOOP_SHIFT * depth] * 3 + [_LOOP_LOG_SCALE])
    given = np.array([edge.loop.is_given for edge in edges])

    def links(numbers: Sequence[int]) -> Links:
        tied = [(index[e.ends[0]], index[e.ends[1]], e.seen) for e in (edges[n] for n in numbers)]
        return _links(tied, np.repeat(deviations[None], len(numbers), 0))

    weights = np.ones(len(edges))
    certain = chain + links([int(n) for n in np.flatnonzero(given)])
    closed, weights[~given] = close_loops(
        nodes, certain, links([int(n) for n in np.flatnonzero(~given)])
    )
    grown = np.interp(section.middles, at, closed.log_scales)
    bent = replace(
        section, path=bend(path, at, nodes, closed), log_scales=section.log_scales + grown
    )
    return bent, weights


def _chain_deviations(section: Section, lengths: Float64Array, depth: float) -> Float64Array:
    """(links, 7) of links of the path over so many frames."""
    noise = measure_noise(section.cameras, section.log_scales)
    spacing = max(1.0, (len(section.path) - 1) / len(section.pieces))
    per_step = np.array([noise.turn_variance] * 3 + [noise.move_variance] * 3 + [0.0])
    per_step[6] = _LEAST_CREEP**2 / spacing
    least = np.array([_LEAST_TURN_RAD] * 3 + [_LEAST_SHIFT * depth] * 3 + [1e-4])
    return np.asarray(np.sqrt(lengths[:, None] * per_step + least**2), np.float64)


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
