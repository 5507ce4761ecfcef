"""Which data sets there are: where their sequences lie, what reads them, which ones count.

The one place where layouts and the lists of benchmarks stand. The lists are those of the published
tables (MonST3R, CUT3R, PAGE-4D).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.bonn import read_bonn, read_bonn_prepared
from page4d_cli.data.sets.dycheck import read_dycheck
from page4d_cli.data.sets.folder import read_folder
from page4d_cli.data.sets.kitti import read_kitti
from page4d_cli.data.sets.nyu import read_nyu
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd import LISTS
from page4d_cli.data.sets.scannet import read_scannet, read_scannet_prepared
from page4d_cli.data.sets.scene_folder import read_scene_folder
from page4d_cli.data.sets.sintel import read_sintel
from page4d_cli.data.sets.tum import read_tum, read_tum_prepared


@dataclass(frozen=True)
class DatasetLayout:
    """One way in which the sequences of a data set lie in folders."""

    name: str
    form: str
    """What a sequence looks like below the data set's folder, for people."""
    markers: tuple[str, ...]
    """Patterns, the preferred first: a folder with a match is a sequence, whole or not."""
    read: Callable[[Path, Path], RecordedSequence]
    """Of a sequence's folder and the marker found in it."""
    places: tuple[str, ...] = ("",)
    """Folders in which sequences lie, below the data set's."""
    has_variants: bool = False
    """Whether one folder can hold several, told apart by their markers."""

    def name_of(self, marker: Path) -> str:
        """Name of the layout, with the marker's if there can be several."""
        return f"{self.name} {marker.name}" if self.has_variants else self.name


@dataclass(frozen=True)
class DatasetEntry:
    """A data set: its layouts, the preferred first, and its benchmark's lists."""

    title: str
    layouts: tuple[DatasetLayout, ...]
    pose_sequences: tuple[str, ...] = ()
    """Folders over which published tables average poses; empty: no list, all that are found."""
    depth_sequences: tuple[str, ...] = ()
    """The same for depth."""
    other_names: tuple[str, ...] = ()
    """Of the data set's folder below a data root."""

    @property
    def benchmark(self) -> tuple[str, ...]:
        """Sequences of either list."""
        return tuple(dict.fromkeys((*self.pose_sequences, *self.depth_sequences)))


def _of_lists(
    read: Callable[[Path], RecordedSequence], places: tuple[str, ...] = ("",)
) -> DatasetLayout:
    return DatasetLayout(
        "raw",
        "<sequence>/{rgb.txt,depth.txt,groundtruth.txt} and the files they name",
        LISTS,
        lambda folder, _marker: read(folder),
        places,
    )


def _of_prepared(
    read: Callable[[Path, Path], RecordedSequence], count: int, places: tuple[str, ...] = ("",)
) -> DatasetLayout:
    return DatasetLayout(
        "prepared",
        f"<sequence>/{{rgb_{count}/,depth_{count}/,groundtruth_{count}.txt}}",
        (f"rgb_{count}", "rgb_[0-9]*"),
        read,
        places,
        has_variants=True,
    )


def _of_sintel(quality: str) -> DatasetLayout:
    return DatasetLayout(
        quality,
        f"training/{{{quality}/<sequence>/frame_0001.png,depth/…/frame_0001.dpt,"
        "camdata_left/…/frame_0001.cam}, with or without the archives' folders before it",
        ("frame_*.png",),
        read_sintel,
        (f"training/{quality}", f"MPI-Sintel-training_images/training/{quality}"),
    )


_TUM = tuple(
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
_BONN = tuple(
    f"rgbd_bonn_{name}"
    for name in ("balloon2", "crowd2", "crowd3", "person_tracking2", "synchronous")
)
_BONN_PLACES = ("", "rgbd_bonn_dataset")
# fmt: off
_SINTEL_POSE = (
    "alley_2", "ambush_4", "ambush_5", "ambush_6", "cave_2", "cave_4", "market_2", "market_5",
    "market_6", "shaman_3", "sleeping_1", "sleeping_2", "temple_2", "temple_3",
)
_SINTEL = (
    "alley_1", "alley_2", "ambush_2", "ambush_4", "ambush_5", "ambush_6", "ambush_7", "bamboo_1",
    "bamboo_2", "bandage_1", "bandage_2", "cave_2", "cave_4", "market_2", "market_5", "market_6",
    "mountain_1", "shaman_2", "shaman_3", "sleeping_1", "sleeping_2", "temple_2", "temple_3",
)
_DYCHECK = (
    "apple", "backpack", "block", "handwavy", "haru-sit", "mochi-high-five", "paper-windmill",
    "pillow", "space-out", "spin", "sriracha-tree", "teddy", "wheel",
)
_KITTI = tuple(f"{drive}_sync_02" for drive in (
    "2011_09_26_drive_0002", "2011_09_26_drive_0005", "2011_09_26_drive_0013",
    "2011_09_26_drive_0020", "2011_09_26_drive_0023", "2011_09_26_drive_0036",
    "2011_09_26_drive_0079", "2011_09_26_drive_0095", "2011_09_26_drive_0113",
    "2011_09_28_drive_0037", "2011_09_29_drive_0026", "2011_09_30_drive_0016",
    "2011_10_03_drive_0047",
))
# fmt: on

DATASETS = {
    Dataset.SYNTHETIC: DatasetEntry(
        "scenes of page4d synth",
        (
            DatasetLayout(
                "page4d",
                "<scene>/{scene.json,cameras.npz,tracks.npz,rgb/,depth/,moving/}",
                ("scene.json", "cameras.npz"),
                lambda folder, _marker: read_scene_folder(folder),
            ),
        ),
    ),
    Dataset.TUM: DatasetEntry(
        "TUM RGB-D, dynamic objects",
        (_of_prepared(read_tum_prepared, 90), _of_lists(read_tum)),
        _TUM,
        _TUM,
    ),
    Dataset.BONN: DatasetEntry(
        "Bonn RGB-D Dynamic",
        (_of_prepared(read_bonn_prepared, 110, _BONN_PLACES), _of_lists(read_bonn, _BONN_PLACES)),
        _BONN,
        _BONN,
    ),
    Dataset.SINTEL: DatasetEntry(
        "MPI Sintel", (_of_sintel("final"), _of_sintel("clean")), _SINTEL_POSE, _SINTEL
    ),
    Dataset.DYCHECK: DatasetEntry(
        "DyCheck iPhone",
        (
            DatasetLayout(
                "iphone",
                "<sequence>/{rgb/1x/0_00000.png,depth/1x/0_00000.npy,camera/0_00000.json}",
                ("rgb/1x",),
                read_dycheck,
            ),
        ),
        _DYCHECK,
        _DYCHECK,
        ("dyncheck",),
    ),
    Dataset.KITTI: DatasetEntry(
        "KITTI depth, validation",
        (
            DatasetLayout(
                "gathered",
                "val_selection_cropped/{image_gathered,groundtruth_depth_gathered}/"
                "<drive>_02/0000000005.png",
                ("[0-9]*.png",),
                read_kitti,
                tuple(
                    f"{above}val_selection_cropped/image_gathered"
                    for above in ("", "depth_selection/")
                ),
            ),
        ),
        depth_sequences=_KITTI,
    ),
    Dataset.NYU: DatasetEntry(
        "NYU Depth V2, single images",
        (
            DatasetLayout(
                "single images",
                "val/{nyu_images/<name>.png,nyu_depths/<name>.npy}",
                ("nyu_images",),
                read_nyu,
            ),
        ),
        depth_sequences=("val",),
    ),
    Dataset.SCANNET: DatasetEntry(
        "ScanNet",
        (
            DatasetLayout(
                "prepared",
                "<scene>/{color_90/*.jpg,pose_90.txt}",
                ("color_90", "color_[0-9]*"),
                read_scannet_prepared,
                has_variants=True,
            ),
            DatasetLayout(
                "raw",
                "<scene>/{color/0.jpg,pose/0.txt}",
                ("color",),
                read_scannet,
            ),
        ),
    ),
    Dataset.FOLDER: DatasetEntry(
        "pictures with ground truth",
        (
            DatasetLayout(
                "folder",
                "<sequence>/{rgb/ or images/ or pictures in it, groundtruth.txt, depth/*.png}",
                ("groundtruth.txt", "depth"),
                read_folder,
            ),
        ),
    ),
}
"""All that can be read."""
