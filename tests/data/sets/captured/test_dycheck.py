import json

import numpy as np
import pytest
from dataset_layouts import write_dycheck
from exact_truth import exact_truth, save_array

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


def read(root):
    return find_sequences(Dataset.DYCHECK, root)[0].read()


@pytest.mark.parametrize(("unit_m", "unit"), [(1.0, "metres"), (1e-3, "millimetres")])
def test_magnitude_tells_the_unit_of_depth(tmp_path, unit_m, unit):
    truth = exact_truth()
    write_dycheck(tmp_path, truth, unit_m=unit_m)
    sequence = read(tmp_path)
    for index in range(len(truth)):
        np.testing.assert_allclose(sequence.read_depth(index), truth.depth_m[index], rtol=1e-6)
    (note,) = [note for note in sequence.notes if note.startswith("depth is taken")]
    assert note.startswith(f"depth is taken for {unit}: the median of the first map is ")


def test_an_empty_first_map_does_not_decide_the_unit(tmp_path):
    truth = exact_truth()
    folder = write_dycheck(tmp_path, truth, unit_m=1e-3)
    save_array(folder / "depth/1x/0_00000.npy", np.zeros((24, 32, 1), np.float32))
    sequence = read(tmp_path)
    assert sequence.read_depth(0).max() == 0
    np.testing.assert_allclose(sequence.read_depth(1), truth.depth_m[1], rtol=1e-6)


def test_other_cameras_are_not_frames(tmp_path):
    folder = write_dycheck(tmp_path, exact_truth())
    source = folder / "rgb/1x/0_00000.png"
    (folder / "rgb/1x/1_00000.png").write_bytes(source.read_bytes())
    assert len(read(tmp_path)) == 4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("focal_length", None, r"0_00002\.json: focal_length is None, expected a number"),
        ("principal_point", [1.0], "principal_point has 1 values, expected 2"),
        ("orientation", [[1, 0], [0, 1]], "orientation has 2 values, expected 3"),
        ("position", [0, 0, "far"], r"position\[2\] is 'far', expected a number"),
        ("position", [0, 0, float("inf")], r"position\[2\] is inf, expected a finite number"),
    ],
)
def test_a_bad_camera_is_named(tmp_path, name, value, message):
    path = write_dycheck(tmp_path, exact_truth()) / "camera/0_00002.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_a_camera_that_is_no_json_is_named(tmp_path):
    path = write_dycheck(tmp_path, exact_truth()) / "camera/0_00001.json"
    path.write_text("nonsense")
    with pytest.raises(DatasetError, match=r"0_00001\.json: no JSON"):
        read(tmp_path)


def test_bad_depth_is_named(tmp_path):
    folder = write_dycheck(tmp_path, exact_truth())
    path = folder / "depth/1x/0_00000.npy"
    save_array(path, np.zeros((24, 32, 3), np.float32))
    with pytest.raises(DatasetError, match=r"0_00000\.npy: holds float32 of shape \(24, 32, 3\)"):
        read(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match=r"0_00000\.npy is damaged"):
        read(tmp_path)
    path.unlink()
    with pytest.raises(DatasetError, match=r"0_00000\.npy does not exist \(1 of 4"):
        read(tmp_path)
