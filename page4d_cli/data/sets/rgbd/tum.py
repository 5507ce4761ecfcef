"""Folders of the TUM RGB-D benchmark (Sturm et al., IROS 2012), raw or prepared.

Intrinsics are those that the benchmark's pages give for Freiburg 3, elsewhere the default of ROS
that they advise for the depth maps of all three sensors. Freiburg 3 comes undistorted; the pictures
of Freiburg 1 and 2 are taken as they are.
"""

from dataclasses import replace
from pathlib import Path

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.data.sets.entry import ASK_OWNERS, SENSOR, DatasetEntry, Origin
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.data.sets.rendered.scene_folder import SCENE_JSON, read_scene_json
from page4d_cli.data.sets.rgbd.layouts import of_lists, of_prepared
from page4d_cli.data.sets.rgbd.pairing import read_recording
from page4d_cli.data.sets.rgbd.prepared import read_prepared
from page4d_cli.data.sets.rgbd.recording import Recording, matrix_from_pinhole

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
    """Read a prepared folder (`data/sets/rgbd/prepared.py`); otherwise as `read_tum`.

    Args:
        folder: the sequence's.
        pictures: its `rgb_N`.
    """
    return _sequence(folder, read_prepared(folder, pictures))


def _sequence(folder: Path, recording: Recording) -> RecordedSequence:
    intrinsics = matrix_from_pinhole(_known_pinhole(folder))
    return replace(recording.as_sequence(folder), intrinsics=intrinsics)


def _known_pinhole(folder: Path) -> Pinhole:
    if (folder / SCENE_JSON).exists():
        camera = read_scene_json(folder).intrinsics
        return camera.fx, camera.fy, camera.cx, camera.cy
    return FREIBURG3 if "freiburg3" in folder.absolute().name else ROS_DEFAULT


_SCORED = tuple(
    f"rgbd_dataset_freiburg3_{name}"
    for name in (
        "sitting_halfsphere",
        "sitting_rpy",
        "sitting_static",
        "sitting_xyz",
        "walking_halfsphere",
        "walking_rpy",
        "walking_static",
        "walking_xyz",
    )
)
ENTRY = DatasetEntry(
    "TUM RGB-D, dynamic objects",
    Origin(
        "https://cvg.cit.tum.de/data/datasets/rgbd-dataset",
        "freiburg3, sitting and walking, 8 sequences, raw folders `rgbd_dataset_freiburg3_…/` "
        "anywhere, then `prepare-tum`",
        "CC BY 4.0",
        ASK_OWNERS,
    ),
    (of_prepared(read_tum_prepared, 90), of_lists(read_tum)),
    SENSOR,
    Benchmark(
        pose_sequences=_SCORED,
        depth_sequences=_SCORED,
        video_limits=DepthLimits(70),
        mono_limits=DepthLimits(70),
    ),
)
