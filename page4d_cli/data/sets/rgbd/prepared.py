"""Prepared folders of RGB-D recordings: frames already chosen and paired, N of them.

```
<sequence>/
  rgb_N/                 pictures
  depth_N/               16-bit PNGs, 5000 a metre; may be absent
  groundtruth_N.txt      rows `timestamp tx ty tz qx qy qz qw`; may be absent
  associations_N.txt     rows `t_rgb rgb t_depth depth t_pose`; may be absent
```

Where there are associations, a row of them and the same row of the ground truth are a frame. Else
the k-th picture, map and pose belong together. Other tools drop a depth map here and there, after
which the k-th do not: where numbers differ, time stamps in the names of the files decide.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.text_table import parse_number, read_poses, read_rows
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.rgbd.pairing import Files, by_name, by_position, by_time, record
from page4d_cli.data.sets.rgbd.recording import Recording

_ASSOCIATION_COLUMNS = "t_rgb rgb t_depth depth t_pose"


def read_prepared(folder: Path, pictures: Path) -> Recording:
    """Read a prepared folder.

    Args:
        folder: the sequence's.
        pictures: its `rgb_N`, which tells N.

    Raises:
        DatasetError: a list is malformed, or it is unknown what belongs together.
    """
    count = pictures.name.removeprefix("rgb_")
    poses = folder / f"groundtruth_{count}.txt"
    associations = folder / f"associations_{count}.txt"
    if associations.is_file():
        return _read_associated(folder, associations, poses)
    depth_folder = folder / f"depth_{count}"
    depths = Files.in_folder(depth_folder) if depth_folder.is_dir() else None
    poses_given = poses if poses.is_file() else None
    rules = (by_name, by_position, by_time)
    return record(folder, Files.in_folder(pictures), depths, poses_given, rules)


def _read_associated(folder: Path, associations: Path, poses: Path) -> Recording:
    rows = read_rows(associations, _ASSOCIATION_COLUMNS, DatasetError)
    pose_s, T_world_recorded = read_poses(poses, DatasetError)
    image_s, depth_s, expected_s = (
        np.array([parse_number(where, name, words[column], DatasetError) for where, words in rows])
        for column, name in ((0, "t_rgb"), (2, "t_depth"), (4, "t_pose"))
    )
    _require_same_poses(associations, expected_s, poses, pose_s)
    return Recording(
        images=tuple(folder / words[1] for _, words in rows),
        depths=tuple(folder / words[3] for _, words in rows),
        timestamps_s=image_s,
        T_world_recorded=T_world_recorded,
        pose_timestamps_s=pose_s,
        depth_timestamps_s=depth_s,
        notes=(),
    )


def _require_same_poses(
    associations: Path, expected_s: Float64Array, poses: Path, pose_s: Float64Array
) -> None:
    advice = "prepare the sequence anew, or remove the associations"
    if len(expected_s) != len(pose_s):
        raise DatasetError(
            f"{poses} has {len(pose_s)} rows and {associations} {len(expected_s)}; {advice}"
        )
    others = np.flatnonzero(expected_s != pose_s)
    if len(others):
        row = others[0]
        raise DatasetError(
            f"row {row + 1} of {poses} is of {pose_s[row]:.6f} s, that of {associations} of "
            f"{expected_s[row]:.6f} s; {advice}"
        )
