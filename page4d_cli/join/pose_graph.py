"""A path whose loops close: the most likely poses, given its steps and places seen twice.

Nodes are poses of the path, each with a scale of its own, since the unit may creep along the way
(Strasdat et al., Scale Drift-Aware Large Scale Monocular SLAM, RSS 2010). A link measures one node
from another. Links of the path are trusted; loops may be wrong altogether, and are weighted by
graduated non-convexity with the Geman-McClure kernel (Yang et al., RA-L 5(2), 2020).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.join.bending import Nodes

_KERNEL = 5.0
"""Deviations at which a loop begins to lose its say."""
_COOLING = 1.6
_ROUNDS_AT_THE_END = 12
_CONVERGED = 1e-9
_DAMPING = 1e-9


@dataclass(frozen=True)
class Links:
    """L measurements of node `b`, as node `a` sees it."""

    a: Int64Array
    """(L,) numbers of nodes."""
    b: Int64Array
    """(L,)."""
    rotations: Float64Array
    """(L, 3, 3) a from b."""
    translations: Float64Array
    """(L, 3) of b in a, in the unit of a."""
    log_scales: Float64Array
    """(L,) log of (unit of b / unit of a)."""
    deviations: Float64Array
    """(L, 7) of rotation (3, rad), translation (3) and log scale."""

    def __len__(self) -> int:
        return len(self.a)

    def __add__(self, other: "Links") -> "Links":
        names = ("a", "b", "rotations", "translations", "log_scales", "deviations")
        joined = {n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in names}
        return Links(**joined)


def residuals(nodes: Nodes, links: Links) -> Float64Array:
    """(L, 7) in deviations: rotation, translation, log scale."""
    rotations_a = np.swapaxes(nodes.rotations[links.a], 1, 2)
    turned = np.swapaxes(links.rotations, 1, 2) @ rotations_a @ nodes.rotations[links.b]
    apart = np.concatenate(
        [
            Rotation.from_matrix(turned).as_rotvec(),
            _seen(nodes, links) - links.translations,
            (nodes.log_scales[links.b] - nodes.log_scales[links.a] - links.log_scales)[:, None],
        ],
        axis=1,
    )
    return apart / links.deviations


def close_loops(nodes: Nodes, path: Links, loops: Links) -> tuple[Nodes, Float64Array]:
    """Find the most likely nodes.

    Args:
        nodes: the path as it is; node 0 stays where it is.
        path: links of the path.
        loops: links that may be wrong.

    Returns:
        The nodes, and how much each loop counts in the end, from 0 to 1 (loops,).
    """
    links = path + loops
    ones = np.ones(len(path))
    worst = float((residuals(nodes, loops) ** 2).sum(1).max(initial=0.0))
    control = max(1.0, 2 * worst / _KERNEL**2)
    weights = np.ones(len(loops))
    while True:
        for _ in range(1 if control > 1 else _ROUNDS_AT_THE_END):
            square = (residuals(nodes, loops) ** 2).sum(1)
            limit = control * _KERNEL**2
            weights = (limit / (limit + square)) ** 2
            nodes, moved = _step(nodes, links, np.concatenate([ones, weights]))
            if moved < _CONVERGED:
                break
        if control == 1:
            return nodes, weights
        control = max(1.0, control / _COOLING)


def _seen(nodes: Nodes, links: Links) -> Float64Array:
    """(L, 3) node b in node a, in the unit of a."""
    apart = nodes.centres[links.b] - nodes.centres[links.a]
    in_a = np.einsum("lji,lj->li", nodes.rotations[links.a], apart)
    return np.asarray(in_a * np.exp(-nodes.log_scales[links.a])[:, None], np.float64)


def _step(nodes: Nodes, links: Links, weights: Float64Array) -> tuple[Nodes, float]:
    """One step of Gauss-Newton, and its largest change."""
    jacobian = _jacobian(nodes, links)
    root = np.repeat(np.sqrt(weights), 7)
    weighted = jacobian.multiply(root[:, None]).tocsc()[:, 7:]
    normal = (weighted.T @ weighted).tocsc()
    normal.setdiag(normal.diagonal() * (1 + _DAMPING))
    gradient = weighted.T @ (root * residuals(nodes, links).ravel())
    change = np.zeros((len(nodes), 7))
    change[1:] = -splu(normal).solve(gradient).reshape(-1, 7)
    moved = replace(
        nodes,
        rotations=nodes.rotations @ Rotation.from_rotvec(change[:, :3]).as_matrix(),
        centres=nodes.centres + change[:, 3:6],
        log_scales=nodes.log_scales + change[:, 6],
    )
    return moved, float(np.abs(change).max(initial=0.0))


def _jacobian(nodes: Nodes, links: Links) -> coo_matrix:
    """(7 L, 7 N) of the residuals by turns in the node's frame, shifts in the world, log scales."""
    count = len(links)
    rotations_a = np.swapaxes(nodes.rotations[links.a], 1, 2)
    seen = _seen(nodes, links)
    shrink = np.exp(-nodes.log_scales[links.a])[:, None, None]
    by_a, by_b = np.zeros((count, 7, 7)), np.zeros((count, 7, 7))
    turned = np.swapaxes(links.rotations, 1, 2) @ rotations_a @ nodes.rotations[links.b]
    half = np.eye(3) + 0.5 * _cross(Rotation.from_matrix(turned).as_rotvec())
    by_b[:, :3, :3] = half
    by_a[:, :3, :3] = -half @ np.swapaxes(nodes.rotations[links.b], 1, 2) @ nodes.rotations[links.a]
    by_b[:, 3:6, 3:6] = shrink * rotations_a
    by_a[:, 3:6, 3:6] = -by_b[:, 3:6, 3:6]
    by_a[:, 3:6, :3] = _cross(seen)
    by_a[:, 3:6, 6] = -seen
    by_a[:, 6, 6], by_b[:, 6, 6] = -1, 1
    blocks = np.concatenate([by_a, by_b], axis=2) / links.deviations[:, :, None]
    rows = np.arange(7 * count).reshape(count, 7, 1)
    columns = np.stack([links.a, links.b], 1)[:, :, None] * 7 + np.arange(7)
    columns = columns.reshape(count, 1, 14)
    rows, columns = np.broadcast_arrays(rows, columns)
    shape = (7 * count, 7 * len(nodes))
    return coo_matrix((blocks.ravel(), (rows.ravel(), columns.ravel())), shape)


def _cross(vectors: Float64Array) -> Float64Array:
    """(L, 3, 3) matrices [v]× of (L, 3)."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.moveaxis(np.array(rows), -1, 0)
