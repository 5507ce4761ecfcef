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

from dataclasses import replace
from pathlib import Path

from page4d_cli.data.sets.entry import SENSOR, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd.pairing import Files, by_name, by_position, by_time, record
from page4d_cli.data.sets.rgbd.recording import DEPTH_SCALE


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
    rules = (by_name, by_time, by_position)
    sequence = record(folder, images, depths, poses_given, rules).as_sequence(folder)
    if depths is None:
        return sequence
    scale = f"depth is taken for 16-bit PNGs with {DEPTH_SCALE:g} a metre"
    return replace(sequence, notes=(*sequence.notes, scale))


ENTRY = DatasetEntry(
    "pictures with ground truth",
    Origin("", "your own", "yours", "yours"),
    (
        DatasetLayout(
            "folder",
            "<sequence>/{rgb/ or images/ or pictures in it, groundtruth.txt, depth/*.png}",
            ("groundtruth.txt", "depth"),
            read_folder,
        ),
    ),
    SENSOR,
)
