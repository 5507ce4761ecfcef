"""A path that follows some of its frames to where they are moved, and bends in between."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array, Int64Array


@dataclass(frozen=True)
class Nodes:
    """N poses with scales."""

    rotations: Float64Array
    """(N, 3, 3) world from node."""
    centres: Float64Array
    """(N, 3)."""
    log_scales: Float64Array
    """(N,) log of the length of a node's unit in the world's."""

    def __len__(self) -> int:
        return len(self.centres)


def bend(path: Float64Array, at: Int64Array, nodes: Nodes, moved: Nodes) -> Float64Array:
    """Move every frame with the nodes before and after it, each by its nearness.

    Args:
        path: T_world_camera (F, 3, 4).
        at: (N,) the nodes' frames, increasing; N of 2 or more.
        nodes: as they are.
        moved: as they shall be.

    Returns:
        (F, 3, 4); frames before the first node, or after the last, move with it.
    """
    frames = np.arange(len(path))
    before = np.clip(np.searchsorted(at, frames, side="right") - 1, 0, len(at) - 2)
    share = np.clip((frames - at[before]) / (at[before + 1] - at[before]), 0, 1)
    both = [_with_node(path, nodes, moved, before), _with_node(path, nodes, moved, before + 1)]
    apart = Rotation.from_matrix(np.swapaxes(both[0][..., :3], 1, 2) @ both[1][..., :3])
    turn = Rotation.from_rotvec(share[:, None] * apart.as_rotvec()).as_matrix()
    centres = (1 - share)[:, None] * both[0][..., 3] + share[:, None] * both[1][..., 3]
    return np.concatenate([both[0][..., :3] @ turn, centres[..., None]], axis=2)


def _with_node(path: Float64Array, nodes: Nodes, moved: Nodes, node: Int64Array) -> Float64Array:
    turn = moved.rotations[node] @ np.swapaxes(nodes.rotations[node], 1, 2)
    scale = np.exp(moved.log_scales[node])[:, None]
    shift = np.einsum("fij,fj->fi", turn, path[..., 3] - nodes.centres[node])
    centres = moved.centres[node] + scale * shift
    return np.concatenate([turn @ path[..., :3], centres[..., None]], axis=2)
