import pytest

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
        (Dataset.FOLDER, 0, 0),
        (Dataset.SYNTHETIC, 0, 0),
    ],
)
def test_lists_are_as_long_as_those_of_published_tables(dataset, poses, depths):
    entry = DATASETS[dataset]
    for names, count in ((entry.pose_sequences, poses), (entry.depth_sequences, depths)):
        assert len(set(names)) == len(names) == count
    assert set(entry.benchmark) == {*entry.pose_sequences, *entry.depth_sequences}


def test_names_are_exact():
    assert set(DATASETS[Dataset.SINTEL].pose_sequences) < set(
        DATASETS[Dataset.SINTEL].depth_sequences
    )
    assert "rgbd_bonn_synchronous" in DATASETS[Dataset.BONN].benchmark
    assert "rgbd_bonn_synchronous2" not in DATASETS[Dataset.BONN].benchmark
    assert "rgbd_dataset_freiburg3_walking_halfsphere" in DATASETS[Dataset.TUM].benchmark
