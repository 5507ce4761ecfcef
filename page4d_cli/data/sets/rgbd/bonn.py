"""Folders of the Bonn RGB-D Dynamic data set (Palazzolo et al., ReFusion, IROS 2019).

`groundtruth.txt` holds poses P of a marker frame. The camera-to-world pose is A⁻¹ P A M with an
exchange of axes A and the calibration M between marker and sensor that the data set's pages give.
M turns, shifts and scales by 1.0593, so that this product is no rigid motion. Here it is made one:
the rotation loses the scale, and translations are divided by it. Depth stays what the sensor says,
and the unit of the world is that of depth. Published tables compare trajectories with P instead,
the motion of the markers: a perfect camera does not score 0 there. `T_world_recorded` keeps P.

Not undistorted: the lens (k1 k2 p1 p2 = 0.039903 -0.099343 -0.000730 -0.000144) moves pixels by up
to a few in the corners of pictures and maps, which the pinhole intrinsics here ignore.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.entry import ASK_OWNERS, SENSOR, DatasetEntry, Origin
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.data.sets.rgbd.layouts import of_lists, of_prepared
from page4d_cli.data.sets.rgbd.pairing import read_recording
from page4d_cli.data.sets.rgbd.prepared import read_prepared
from page4d_cli.data.sets.rgbd.recording import Recording, matrix_from_pinhole

BONN_PINHOLE: Pinhole = (542.822841, 542.576870, 315.593520, 237.756098)
_EXCHANGE = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
_CALIBRATION = np.array(
    [
        [1.0157, 0.1828, -0.2389, 0.0113],
        [0.0009, -0.8431, -0.6413, -0.0098],
        [-0.3009, 0.6147, -0.8085, 0.0111],
        [0, 0, 0, 1],
    ]
)


def read_bonn(folder: Path) -> RecordedSequence:
    """Read a raw folder; pictures and maps are read when they are asked for.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.

    Raises:
        DatasetError: a list is absent or malformed, or no frame is complete.
    """
    return _sequence(folder, read_recording(folder))


def read_bonn_prepared(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a prepared folder (`data/sets/rgbd/prepared.py`); otherwise as `read_bonn`.

    Args:
        folder: the sequence's.
        pictures: its `rgb_N`.
    """
    return _sequence(folder, read_prepared(folder, pictures))


def _sequence(folder: Path, recording: Recording) -> RecordedSequence:
    recorded = recording.T_world_recorded
    poses = None if recorded is None else invert_rigid(rigid_camera_pose(recorded))
    return replace(
        recording.as_sequence(folder),
        intrinsics=matrix_from_pinhole(BONN_PINHOLE),
        T_camera_world=None if poses is None else np.asarray(poses, np.float64),
        T_world_recorded=recorded,
        notes=(*recording.notes, "the lens is not undistorted"),
    )


def rigid_camera_pose(marker_pose: Float64Array) -> Float64Array:
    """T_world_camera of rows of groundtruth.txt, rigid, in units of depth.

    Args:
        marker_pose: (S, 3, 4).

    Returns:
        (S, 3, 4), rotations orthonormal.
    """
    similarity = _EXCHANGE.T @ as_homogeneous(marker_pose) @ _EXCHANGE @ _CALIBRATION
    left, scales, right = np.linalg.svd(similarity[:, :3, :3])
    translation = similarity[:, :3, 3:] / scales.mean(axis=-1)[:, None, None]
    return np.concatenate([left @ right, translation], axis=2)


_PLACES = ("", "rgbd_bonn_dataset")
_SCORED = tuple(
    f"rgbd_bonn_{name}"
    for name in ("balloon2", "crowd2", "crowd3", "person_tracking2", "synchronous")
)
ENTRY = DatasetEntry(
    "Bonn RGB-D Dynamic",
    Origin(
        "https://www.ipb.uni-bonn.de/data/rgbd-dynamic-dataset",
        "balloon2, crowd2, crowd3, person_tracking2, synchronous, raw folders `rgbd_bonn_…/` "
        "anywhere, then `prepare-bonn`",
        ASK_OWNERS,
        ASK_OWNERS,
    ),
    (of_prepared(read_bonn_prepared, 110, _PLACES), of_lists(read_bonn, _PLACES)),
    SENSOR,
    Benchmark(
        pose_sequences=_SCORED,
        depth_sequences=_SCORED,
        video_limits=DepthLimits(70),
        mono_limits=DepthLimits(70),
        has_recorded_poses=True,
    ),
)
