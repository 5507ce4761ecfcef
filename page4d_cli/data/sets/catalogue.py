"""Which data sets there are: where their sequences lie, what reads them, which ones count.

A data set is a name in `core.enums.Dataset`, a reader beside this file and an entry here: layouts,
the lists and limits of benchmarks, what its check allows. The lists are those of the published
tables (MonST3R, CUT3R, PAGE-4D); the tables' numbers stand in `eval/published.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.benchmark import Benchmark, DepthLimits
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
    """Reads a sequence, given its folder and the marker found in it."""
    places: tuple[str, ...] = ("",)
    """Folders in which sequences lie, below the data set's."""
    has_variants: bool = False
    """Whether one folder can hold several, told apart by their markers."""

    def name_of(self, marker: Path) -> str:
        """Name of the layout, with the marker's if there can be several."""
        return f"{self.name} {marker.name}" if self.has_variants else self.name


@dataclass(frozen=True)
class CheckLimits:
    """What `page4d check-data` still takes for right."""

    valid_share: float
    """Least share of pixels with depth."""
    depth_error: float
    """Greatest median relative error of depth between frames."""
    inlier_error: float
    """Relative error below which a point is an inlier."""
    positive_share: float = 0.9
    rotation_error: float = 1e-4
    track_error_px: float = 0.05


@dataclass(frozen=True)
class DatasetEntry:
    """All that is known of a data set beside its reader; every table of them is made of this."""

    title: str
    """Name for people."""
    layouts: tuple[DatasetLayout, ...]
    """Ways in which its sequences lie in folders, the preferred first."""
    benchmark: Benchmark
    """What published tables score, and how."""
    checks: CheckLimits | None
    """None for data without poses or without depth, which cannot be checked against each other."""


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


_SENSOR = CheckLimits(valid_share=0.1, depth_error=0.03, inlier_error=0.05)
"""Depth of a structured-light sensor is off by 1 to 2 % at 3 m, and stamps by up to 40 ms."""
_BELOW_70 = DepthLimits(70)
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
        Benchmark(),
        CheckLimits(valid_share=0.9, depth_error=1e-3, inlier_error=0.01),
    ),
    Dataset.TUM: DatasetEntry(
        "TUM RGB-D, dynamic objects",
        (_of_prepared(read_tum_prepared, 90), _of_lists(read_tum)),
        Benchmark(
            pose_sequences=_TUM,
            depth_sequences=_TUM,
            video_limits=_BELOW_70,
            mono_limits=_BELOW_70,
        ),
        _SENSOR,
    ),
    Dataset.BONN: DatasetEntry(
        "Bonn RGB-D Dynamic",
        (_of_prepared(read_bonn_prepared, 110, _BONN_PLACES), _of_lists(read_bonn, _BONN_PLACES)),
        Benchmark(
            pose_sequences=_BONN,
            depth_sequences=_BONN,
            video_limits=_BELOW_70,
            mono_limits=_BELOW_70,
            has_recorded_poses=True,
        ),
        _SENSOR,
    ),
    Dataset.SINTEL: DatasetEntry(
        "MPI Sintel",
        (_of_sintel("final"), _of_sintel("clean")),
        Benchmark(
            pose_sequences=_SINTEL_POSE,
            depth_sequences=_SINTEL,
            video_limits=DepthLimits(70, clip=70),
            mono_limits=DepthLimits(70, clip=70),
            original_left_out=("market_5",),
        ),
        CheckLimits(valid_share=0.9, depth_error=0.03, inlier_error=0.05),
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
        Benchmark(
            pose_sequences=_DYCHECK,
            depth_sequences=_DYCHECK,
            video_limits=_BELOW_70,
            original_pose_stride=10,
        ),
        _SENSOR,
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
        Benchmark(depth_sequences=_KITTI),
        None,
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
        Benchmark(depth_sequences=("val",)),
        None,
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
        Benchmark(),
        None,
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
        Benchmark(),
        _SENSOR,
    ),
}
"""All that can be read."""
