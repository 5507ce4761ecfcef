"""Any run of pictures with ground truth: poses in TUM form, 16-bit depth maps, or both.

```
<sequence>/
  rgb/ or images/        pictures; or in the folder itself
  groundtruth.txt        rows `timestamp tx ty tz qx qy qz qw`, camera-to-world; may be absent
  depth/                 16-bit PNGs, 5000 a metre; may be absent
```

A depth map belongs to the picture of the same name. Where names are seconds, they are time stamps,
by which poses and maps are found. Else there must be as many as pictures.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.pairing import Files, record
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd import DEPTH_SCALE


def read_folder(folder: Path, _marker: Path) -> RecordedSequence:
    """Read a folder; pictures and maps are read when they are asked for. Intrinsics are unknown.

    Args:
        folder: the sequence's.

    Raises:
        DatasetError: there are no pictures, the list of poses is malformed, or it is unknown what
            belongs together.
    """
    places = [place for place in (folder / "rgb", folder / "images") if place.is_dir()]
    images = Files.in_folder((*places, folder)[0])
    depths = Files.in_folder(folder / "depth") if (folder / "depth").is_dir() else None
    poses_file = folder / "groundtruth.txt"
    poses_given = poses_file if poses_file.is_file() else None
    recording = record(folder, images, depths, poses_given, positions_first=False)
    poses = recording.T_world_recorded
    scale = f"depth is taken for 16-bit PNGs with {DEPTH_SCALE:g} a metre"
    return RecordedSequence(
        name=folder.absolute().name,
        frames=recording.images,
        timestamps_s=recording.timestamps_s,
        T_camera_world=None if poses is None else np.asarray(invert_rigid(poses), np.float64),
        read_depth=recording.read_depth,
        depth_files=recording.depths,
        pose_timestamps_s=recording.pose_timestamps_s,
        depth_timestamps_s=recording.depth_timestamps_s,
        notes=(*recording.notes, *([scale] if depths is not None else [])),
    )
