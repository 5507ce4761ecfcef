"""Any run of pictures with ground truth, such as your own: poses or cameras, depth, or all of it.

```
<sequence>/
  rgb/ or images/        pictures; or in the folder itself
  groundtruth.txt        rows `timestamp tx ty tz qx qy qz qw`, camera-to-world; or
  cameras.npz, .json     poses and intrinsics of all pictures (`data/sets/rgbd/cameras_file.py`)
  depth/                 `.npy` (H, W) in metres, or 16-bit PNGs, 5000 a metre
    scale.json           {"depth_png_scale": N}: so many values a metre in the PNGs instead
```

Each may be absent. A depth map belongs to the picture of the same name. Where names are times, by
these poses and maps are found. Else there must be as many as pictures.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import read_json
from page4d_cli.data.sets.entry import SENSOR, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import frames_in, read_npy_depth
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd.cameras_file import CAMERA_FILES, read_cameras
from page4d_cli.data.sets.rgbd.pairing import Files, by_name, by_position, by_time, record
from page4d_cli.data.sets.rgbd.recording import DEPTH_SCALE

_SCALE = "scale.json"


@dataclass(frozen=True)
class _Scale:
    depth_png_scale: float


def read_folder(folder: Path, _marker: Path) -> RecordedSequence:
    """Read a folder; pictures and maps are read when they are asked for.

    Args:
        folder: the sequence's.

    Raises:
        DatasetError: there are no pictures, a list of poses or cameras is malformed, or it is
            unknown what belongs together.
    """
    places = [place for place in (folder / "rgb", folder / "images") if place.is_dir()]
    images = Files.in_folder((*places, folder)[0])
    depths = _depth_maps(folder / "depth") if (folder / "depth").is_dir() else None
    poses, cameras = _lists(folder)
    rules = (by_name, by_time, by_position)
    sequence = record(folder, images, depths, poses, rules).as_sequence(folder)
    if cameras is not None:
        sequence = _with_cameras(sequence, images, cameras)
    return sequence if depths is None else _with_depth(sequence, folder / "depth")


def _lists(folder: Path) -> tuple[Path | None, Path | None]:
    """The list of poses, and the file of cameras, of which there is one at most."""
    names = ("groundtruth.txt", *CAMERA_FILES)
    there = [folder / name for name in names if (folder / name).is_file()]
    if len(there) > 1:
        listed = " and ".join(path.name for path in there)
        raise DatasetError(f"{folder} has {listed}, all of which say where cameras are; keep one")
    if not there:
        return None, None
    return (there[0], None) if there[0].name == names[0] else (None, there[0])


def _depth_maps(folder: Path) -> Files:
    if not any(folder.glob("*.npy")):
        return Files.in_folder(folder)
    return Files.of(frames_in(folder, "*.npy"))


def _with_cameras(sequence: RecordedSequence, images: Files, path: Path) -> RecordedSequence:
    """Give each frame the camera at its picture's place."""
    cameras = read_cameras(path, len(images.paths))
    place = {image: index for index, image in enumerate(images.paths)}
    rows = [place[frame] for frame in sequence.frames]
    k = cameras.intrinsics
    return replace(
        sequence,
        T_camera_world=cameras.T_camera_world[rows],
        intrinsics=k if k is None or k.ndim == 2 else k[rows],
    )


def _with_depth(sequence: RecordedSequence, folder: Path) -> RecordedSequence:
    files = sequence.depth_files or ()
    if files[0].suffix == ".npy":
        return replace(
            sequence, read_depth=lambda index: np.nan_to_num(read_npy_depth(files[index]))
        )
    path, scale = folder / _SCALE, DEPTH_SCALE
    note = f"depth is taken for 16-bit PNGs with {DEPTH_SCALE:g} a metre"
    if path.is_file():
        advice = 'write {"depth_png_scale": values a metre}'
        scale = read_json(_Scale, path, DatasetError, advice, foreign=True).depth_png_scale
        if not 0 < scale < np.inf:
            raise DatasetError(f"{path}: depth_png_scale is {scale:g}; {advice}")
        note = f"depth is 16-bit PNGs with {scale:g} a metre, as {_SCALE} says"
    return replace(
        sequence,
        read_depth=lambda index: read_depth16(files[index], scale),
        notes=(*sequence.notes, note),
    )


ENTRY = DatasetEntry(
    "pictures with ground truth",
    Origin("", "your own", "yours", "yours"),
    (
        DatasetLayout(
            "folder",
            "<sequence>/{rgb/ or images/ or pictures in it, groundtruth.txt or cameras.npz or "
            "cameras.json, depth/*.png or depth/*.npy}",
            ("groundtruth.txt", *CAMERA_FILES, "depth"),
            read_folder,
        ),
    ),
    SENSOR,
)
