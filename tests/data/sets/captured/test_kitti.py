import pytest
from dataset_layouts import KITTI_NAME, write_kitti
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences

TRUTH = "val_selection_cropped/groundtruth_depth_gathered"


def read(root):
    return find_sequences(Dataset.KITTI, root)[0].read()


def test_takes_annotated_frames_only(tmp_path):
    write_kitti(tmp_path, exact_truth())
    (tmp_path / TRUTH / KITTI_NAME / "0000000006.png").unlink()
    sequence = read(tmp_path)
    names = ["0000000005.png", "0000000007.png", "0000000008.png"]
    assert [path.name for path in sequence.frames] == names
    assert [path.name for path in sequence.depth_files] == names


def test_takes_the_first_110(tmp_path):
    write_kitti(tmp_path, exact_truth(frames=112, size=(8, 6)))
    sequence = read(tmp_path)
    assert len(sequence) == 110 and sequence.frames[-1].name == "0000000114.png"


def test_missing_depth_is_named(tmp_path):
    write_kitti(tmp_path, exact_truth())
    for path in (tmp_path / TRUTH / KITTI_NAME).iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=f"no file of .*{KITTI_NAME} is called as a picture"):
        read(tmp_path)
    (tmp_path / TRUTH / KITTI_NAME).rmdir()
    with pytest.raises(DatasetError, match=f"groundtruth_depth_gathered/{KITTI_NAME} does not"):
        read(tmp_path)
