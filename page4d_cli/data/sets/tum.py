"""Folders of the TUM RGB-D benchmark (Sturm et al., IROS 2012), raw or prepared.

Intrinsics are those that the benchmark's pages give for Freiburg 3, elsewhere the default of ROS
that they advise for the depth maps of all three sensors. Freiburg 3 comes undistorted; the pictures
of Freiburg 1 and 2 are taken as they are.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.prepared import read_prepared
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.data.sets.rgbd import Recording, matrix_from_pinhole, read_recording
from page4d_cli.data.sets.scene_folder import SCENE_JSON, read_scene_json

FREIBURG3: Pinhole = (535.4, 539.2, 320.1, 247.6)
ROS_DEFAULT: Pinhole = (525.0, 525.0, 319.5, 239.5)


def read_tum(folder: Path) -> RecordedSequence:
    """Read a raw folder; pictures and maps are read when they are asked for.

    Intrinsics are those of the sensor that the folder's name tells, or of its scene.json if
    `page4d synth` made it.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.

    Raises:
        DatasetError: a list is absent or malformed, or no frame is complete.
    """
    return _sequence(folder, read_recording(folder))


def read_tum_prepared(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a prepared folder (`data/sets/prepared.py`); otherwise as `read_tum`.

    Args:
        folder: the sequence's.
        pictures: its `rgb_N`.
    """
    return _sequence(folder, read_prepared(folder, pictures))


def _sequence(folder: Path, recording: Recording) -> RecordedSequence:
    poses = recording.T_world_recorded
    return RecordedSequence(
        name=folder.absolute().name,
        frames=recording.images,
        timestamps_s=recording.timestamps_s,
        intrinsics=matrix_from_pinhole(_known_pinhole(folder)),
        T_camera_world=None if poses is None else np.asarray(invert_rigid(poses), np.float64),
        read_depth=recording.read_depth,
        depth_files=recording.depths,
        pose_timestamps_s=recording.pose_timestamps_s,
        depth_timestamps_s=recording.depth_timestamps_s,
        notes=recording.notes,
    )


def _known_pinhole(folder: Path) -> Pinhole:
    if (folder / SCENE_JSON).exists():
        camera = read_scene_json(folder).intrinsics
        return camera.fx, camera.fy, camera.cx, camera.cy
    return FREIBURG3 if "freiburg3" in folder.absolute().name else ROS_DEFAULT
