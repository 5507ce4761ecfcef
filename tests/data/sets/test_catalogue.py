import re
from pathlib import Path

import pytest

import page4d_cli
from page4d_cli.core.benchmark import DepthLimits
from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.catalogue import DATASETS


def test_every_data_set_can_be_read():
    assert set(DATASETS) == set(Dataset)
    assert all(entry.layouts for entry in DATASETS.values())


@pytest.mark.parametrize(
    ("dataset", "poses", "depths"),
    [
        (Dataset.SINTEL, 14, 23),
        (Dataset.BONN, 5, 5),
        (Dataset.TUM, 8, 8),
        (Dataset.DYCHECK, 13, 13),
        (Dataset.KITTI, 0, 13),
        (Dataset.NYU, 0, 1),
        (Dataset.SCANNET, 0, 0),
        (Dataset.ODYSSEY, 0, 0),
        (Dataset.DYNAMIC_REPLICA, 0, 0),
        (Dataset.KUBRIC, 0, 0),
        (Dataset.SPRING, 0, 0),
        (Dataset.CO3D, 0, 0),
        (Dataset.WAYMO, 0, 0),
        (Dataset.RLBENCH, 0, 0),
        (Dataset.FOLDER, 0, 0),
        (Dataset.SYNTHETIC, 0, 0),
    ],
)
def test_lists_are_as_long_as_those_of_published_tables(dataset, poses, depths):
    entry = DATASETS[dataset]
    lists = entry.benchmark.pose_sequences, entry.benchmark.depth_sequences
    for names, count in zip(lists, (poses, depths), strict=True):
        assert len(set(names)) == len(names) == count
    assert set(entry.benchmark.sequences) == {*lists[0], *lists[1]}


def test_names_are_exact():
    sintel = DATASETS[Dataset.SINTEL].benchmark
    assert set(sintel.pose_sequences) < set(sintel.depth_sequences)
    assert "rgbd_bonn_synchronous" in DATASETS[Dataset.BONN].benchmark.sequences
    assert "rgbd_bonn_synchronous2" not in DATASETS[Dataset.BONN].benchmark.sequences
    assert "rgbd_dataset_freiburg3_walking_halfsphere" in DATASETS[Dataset.TUM].benchmark.sequences


# What knows a data set by its name: beside the list of names and the entries, published numbers,
# the commands that prepare two data sets, and the scenes that training draws itself.
NAMING = {
    "core/enums.py",
    "data/sets/catalogue.py",
    "eval/published.py",
    "pipelines/prepare/plan.py",
    "commands/prepare_bonn.py",
    "commands/prepare_tum.py",
    "pipelines/train/mixture.py",
}


def test_no_table_of_data_sets_stands_beside_the_entries():
    package = Path(page4d_cli.__file__).parent
    named = re.compile(rf"\bDataset\.({'|'.join(Dataset.__members__)})\b")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if named.search(path.read_text(encoding="utf-8"))
    }
    assert found | {"core/enums.py"} == NAMING


@pytest.mark.parametrize("dataset", Dataset)
def test_lists_of_exceptions_name_sequences_of_the_benchmark(dataset):
    benchmark = DATASETS[dataset].benchmark
    assert set(benchmark.original_left_out) <= set(benchmark.depth_sequences)
    assert benchmark.original_pose_stride == 1 or benchmark.pose_sequences


def test_limits_of_depth_are_those_of_the_original():
    limits = {
        dataset.value: (entry.benchmark.video_limits, entry.benchmark.mono_limits)
        for dataset, entry in DATASETS.items()
        if entry.benchmark.video_limits != entry.benchmark.mono_limits
        or entry.benchmark.video_limits != DepthLimits()
    }
    assert limits == {
        "tum": (DepthLimits(70), DepthLimits(70)),
        "bonn": (DepthLimits(70), DepthLimits(70)),
        "sintel": (DepthLimits(70, clip=70), DepthLimits(70, clip=70)),
        "dycheck": (DepthLimits(70), DepthLimits()),
    }
