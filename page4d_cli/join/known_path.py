"""A section brought onto a path that is known from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import WindowCameras
from page4d_cli.join.bending import Nodes, bend
from page4d_cli.join.scales import camera_ratio, change_along_chain
from page4d_cli.join.section import Section
from page4d_cli.join.steps import average_steps


@dataclass(frozen=True)
class KnownPath:
    """Poses of M frames in a world and a unit of their own."""

    frames: Int64Array
    """(M,) numbers in the video, increasing."""
    T_world_camera: Float64Array
    """(M, 3, 4)."""


def follow_known(section: Section, variances: Sequence[float], known: KnownPath) -> Section | None:
    """Fit every window's factor to a known path, and bend the section to it.

    Args:
        section: as its joins make it.
        variances: (pieces - 1) of the log ratios of neighbours.
        known: of some of its frames; between them the windows tell the way.

    Returns:
        The section in the known world and unit; None if fewer than two of its frames are known, or
        nothing moves.
    """
    cameras = WindowCameras(known.frames, known.T_world_camera)
    measured = [camera_ratio(piece.cameras, cameras) for piece in section.pieces]
    if not any(np.isfinite(ratio.variance) for ratio in measured):
        return None
    change = change_along_chain(section.log_scales, measured, np.array(variances))
    log_scales = section.log_scales + change
    path = average_steps(section.cameras, log_scales).follow()
    at = known.frames - section.first_frame
    inside = (at >= 0) & (at < len(path))
    at, poses = at[inside], known.T_world_camera[inside]
    zeros = np.zeros(len(at))
    nodes = Nodes(path[at, :, :3], path[at, :, 3], zeros)
    bent = bend(path, at, nodes, Nodes(poses[..., :3], poses[..., 3], zeros))
    return replace(section, log_scales=log_scales, path=bent)
