"""Drives of KITTI's depth validation (Uhrig et al., Sparsity Invariant CNNs, 3DV 2017), gathered.

The form is that of the preparation published with MonST3R: pictures of camera 2 and the maps of the
same frames in two trees of folders, `image_gathered/` and `groundtruth_depth_gathered/`.
"""

from pathlib import Path

from page4d_cli.core.benchmark import Benchmark
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.entry import ASK_OWNERS, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import UNTIMED, count_as_seconds, frames_in, partners_in
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.recorded import RecordedSequence

DEPTH_SCALE = 256.0
"""PNG values a metre."""
_FRAMES = 110


def read_kitti(folder: Path, _marker: Path) -> RecordedSequence:
    """Read the first 110 annotated frames of a drive; there are no cameras.

    Args:
        folder: of its pictures, `image_gathered/<drive>_02`.

    Raises:
        DatasetError: a depth map is absent.
    """
    frames = frames_in(folder, "[0-9]*.png")
    here = folder.absolute()
    depth_folder = here.parents[1] / "groundtruth_depth_gathered" / here.name
    if not depth_folder.is_dir():
        raise DatasetError(f"{depth_folder} does not exist; it holds the depth maps of {folder}")
    annotated = {path.name for path in depth_folder.glob("*.png")}
    frames = tuple(frame for frame in frames if frame.name in annotated)[:_FRAMES]
    depths = partners_in(depth_folder, frames, ".png")
    if not depths:
        raise DatasetError(f"no file of {depth_folder} is called as a picture of {folder}")
    return RecordedSequence(
        name=here.name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        read_depth=lambda index: read_depth16(depths[index], DEPTH_SCALE),
        depth_files=depths,
        notes=(UNTIMED,),
    )


# fmt: off
_SCORED = tuple(f"{drive}_sync_02" for drive in (
    "2011_09_26_drive_0002", "2011_09_26_drive_0005", "2011_09_26_drive_0013",
    "2011_09_26_drive_0020", "2011_09_26_drive_0023", "2011_09_26_drive_0036",
    "2011_09_26_drive_0079", "2011_09_26_drive_0095", "2011_09_26_drive_0113",
    "2011_09_28_drive_0037", "2011_09_29_drive_0026", "2011_09_30_drive_0016",
    "2011_10_03_drive_0047",
))
# fmt: on
ENTRY = DatasetEntry(
    "KITTI depth, validation",
    Origin(
        "https://www.cvlibs.net/datasets/kitti",
        "depth completion and prediction, validation and test set; gathered as published with "
        "MonST3R",
        "CC BY-NC-SA 3.0",
        ASK_OWNERS,
    ),
    (
        DatasetLayout(
            "gathered",
            "val_selection_cropped/{image_gathered,groundtruth_depth_gathered}/"
            "<drive>_02/0000000005.png",
            ("[0-9]*.png",),
            read_kitti,
            tuple(
                f"{above}val_selection_cropped/image_gathered" for above in ("", "depth_selection/")
            ),
        ),
    ),
    None,
    Benchmark(depth_sequences=_SCORED),
)
