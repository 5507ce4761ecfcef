"""The world of refined cameras: pictures do not tell how it lies, so it lies as the network's."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.refine.adjust import State
from page4d_cli.refine.cameras import Cameras


def laid_over(state: State, network: Cameras, which: NDArray[np.bool_]) -> State:
    """Turn and shift a state as a whole, so that cameras lie as those of the network do.

    While the loss gets finer the network's say fades, and all cameras may turn together. Those that
    nothing ties to the others stay as they were, and the others must not turn against them.

    Args:
        state: cameras and points.
        network: the cameras as the network says.
        which: (S,) frames that are to agree, on the average.
    """
    if not which.any():
        return state
    cameras = state.cameras
    old, new = (each.T_camera_world[:, :, :3] for each in (network, cameras))
    turns = Rotation.from_matrix(np.swapaxes(old[which], 1, 2) @ new[which])
    turn = np.asarray(turns.mean().as_matrix(), np.float64)
    shift = np.median(network.centres[which] - cameras.centres[which] @ turn.T, axis=0)
    centres = cameras.centres @ turn.T + shift
    back = turn @ np.swapaxes(new, 1, 2)
    poses = np.asarray(invert_rigid(np.concatenate([back, centres[..., None]], 2)), np.float64)
    return State(replace(cameras, T_camera_world=poses), state.points @ turn.T + shift)
