import pytest
from dataset_layouts import write_nyu
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


def read(root):
    return find_sequences(Dataset.NYU, root)[0].read()


def test_says_that_it_is_no_video(tmp_path):
    write_nyu(tmp_path, exact_truth())
    assert "single images, no video: their order means nothing" in read(tmp_path).notes


def test_missing_depth_is_named(tmp_path):
    folder = write_nyu(tmp_path, exact_truth())
    (folder / "nyu_depths/00002.npy").unlink()
    with pytest.raises(DatasetError, match=r"00002\.npy does not exist \(1 of 4"):
        read(tmp_path)
    (folder / "nyu_depths").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="val/nyu_depths does not exist"):
        read(tmp_path)
