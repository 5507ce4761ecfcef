import numpy as np
import pytest
from dataset_layouts import write_scannet, write_scannet_raw
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


def read(root):
    return find_sequences(Dataset.SCANNET, root)[0].read()


def test_raw_scenes_are_cut_as_the_prepared_are(tmp_path):
    truth = exact_truth(frames=92, size=(8, 6))
    write_scannet_raw(tmp_path, truth)
    sequence = read(tmp_path)
    assert len(sequence) == 90
    assert [path.stem for path in sequence.frames] == [str(n) for n in range(0, 270, 3)]
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world[:90], atol=1e-9)


def test_frames_whose_pose_was_lost_are_left_out_and_counted(tmp_path):
    truth = exact_truth()
    path = write_scannet(tmp_path, truth) / "pose_90.txt"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], " ".join(["-inf"] * 16), *rows[2:]]))
    sequence = read(tmp_path)
    assert [path.stem[-1] for path in sequence.frames] == ["0", "2", "3"]
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world[[0, 2, 3]], atol=1e-9)
    assert "1 of 4 pictures left out: their pose was lost" in sequence.notes
    path.write_text("\n".join([" ".join(["-inf"] * 16)] * 4))
    with pytest.raises(DatasetError, match="no frame of 4 has a finite pose"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:3], r"pose_90\.txt has 3 rows; expected 4"),
        (lambda rows: [*rows[:2], "1 2 3", rows[3]], r"pose_90\.txt, line 3: 3 columns"),
        (lambda rows: [*rows[:3], rows[3] + "x"], r"pose_90\.txt, line 4: .*expected numbers"),
        (
            lambda rows: [*rows[:3], " ".join([*rows[3].split()[:12], *"0001"[::-1]])],
            r"pose_90\.txt: the last row of pose 3 is .*expected 0 0 0 1",
        ),
    ],
)
def test_bad_poses_are_named_with_file_and_line(tmp_path, change, message):
    path = write_scannet(tmp_path, exact_truth()) / "pose_90.txt"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_a_missing_raw_pose_is_named(tmp_path):
    folder = write_scannet_raw(tmp_path, exact_truth())
    (folder / "pose/6.txt").unlink()
    with pytest.raises(DatasetError, match=r"pose/6\.txt does not exist \(1 of 4"):
        read(tmp_path)
    (folder / "pose").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="pose does not exist; it holds the poses"):
        read(folder)
