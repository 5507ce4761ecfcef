import h5py
import numpy as np
import pytest
from exact_truth import exact_truth, right_eye, save_image
from PIL import Image
from rendered_layouts import BASELINE_M, save_hdf5, write_spring

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import valid_depth
from page4d_cli.core.reproject import PosedDepth, carry
from page4d_cli.data.sets.find import find_sequences


@pytest.fixture
def folder(tmp_path):
    return write_spring(tmp_path, exact_truth(), eyes=("left", "right"))


def read(folder, eye="left"):
    (found,) = find_sequences(Dataset.SPRING, folder, eye)
    return found.read()


def posed(sequence, index):
    depth = valid_depth(sequence.read_depth(index))
    return PosedDepth(depth, sequence.intrinsics_of(index), sequence.T_camera_world[index])


def test_the_left_eye_comes_first(folder):
    (found,) = find_sequences(Dataset.SPRING, folder)
    assert found.layout == "left" and found.name == "0001"


def test_the_right_eye_is_to_the_right(folder):
    truth, sequence = right_eye(exact_truth(), BASELINE_M), read(folder, "right")
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-9)
    np.testing.assert_array_equal(sequence.read_image(2), truth.images[2])
    np.testing.assert_allclose(sequence.read_depth(2), truth.depth_m[2], atol=4e-6)


def test_depth_of_one_eye_is_found_by_the_other(folder):
    left, right = read(folder), read(folder, "right")
    for source, target in ((left, right), (right, left)):
        carried = carry(posed(source, 1), posed(target, 1))
        smooth = carried.found.farthest < 1.05 * carried.found.nearest
        error = carried.found.between[smooth] / carried.depth[smooth] - 1
        assert smooth.mean() > 0.6 and np.median(np.abs(error)) < 1e-4


def test_disparity_at_the_size_of_the_picture_is_taken_as_it_is(folder):
    truth = exact_truth()
    disparity = truth.intrinsics[0, 0] * BASELINE_M / truth.depth_m[0]
    save_hdf5(folder / "disp1_left/disp1_left_0001.dsp5", "disparity", disparity)
    np.testing.assert_allclose(read(folder).read_depth(0), truth.depth_m[0], atol=4e-6)


def test_what_is_no_disparity_and_the_sky_have_no_depth(folder):
    path = folder / "disp1_left/disp1_left_0001.dsp5"
    truth = exact_truth()
    disparity = truth.intrinsics[0, 0] * BASELINE_M / truth.depth_m[0]
    disparity[0], disparity[1], disparity[2] = np.nan, np.inf, 0
    save_hdf5(path, "disparity", disparity)
    sky = np.array(Image.open(folder / "maps/skymap_left/skymap_left_0001.png"))
    sky[6:8] = 255
    save_image(folder / "maps/skymap_left/skymap_left_0001.png", sky)
    depth = read(folder).read_depth(0)
    assert (depth[[0, 1, 2, 3]] == 0).all() and (depth[4:] > 0).all()


def test_a_row_belongs_to_the_number_of_its_frame(folder):
    whole = read(folder)
    for kind in ("frame", "disp1", "flow_FW"):
        next((folder / f"{kind}_left").glob("*_0001.*")).unlink()
    rest = read(folder)
    np.testing.assert_array_equal(rest.T_camera_world, whole.T_camera_world[1:])
    np.testing.assert_array_equal(rest.read_depth(0), whole.read_depth(1))


def test_one_row_of_intrinsics_is_that_of_all_frames(folder):
    path = folder / "cam_data/intrinsics.txt"
    path.write_text(path.read_text().splitlines()[0])
    assert read(folder).intrinsics.shape == (4, 3, 3)


def test_a_table_that_is_too_short_names_itself(folder):
    path = folder / "cam_data/extrinsics.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:3]))
    with pytest.raises(DatasetError, match=r"extrinsics\.txt has 3 rows; expected 4"):
        read(folder)


def test_where_motion_is_not_known_all_moves(folder):
    (folder / "maps/rigidmap_BW_left/rigidmap_BW_left_0004.png").unlink()
    assert read(folder).read_moving(3).all() and not read(folder).read_moving(0).all()


def test_says_what_is_not_there(folder):
    for kind in ("disp1_left", "flow_FW_left", "maps/rigidmap_FW_left"):
        (folder / kind).rename(folder / kind.replace("left", "aside"))
    sequence = read(folder)
    assert sequence.read_depth is sequence.read_moving is sequence.read_tracks is None
    for what in ("depth", "flow", "moving pixels"):
        assert any(note.startswith(f"no {what}: ") for note in sequence.notes)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "disparity",
            np.ones((24, 30)),
            r"has shape \(24, 30\); expected \(24, 32\) or \(48, 64\)",
        ),
        ("disparity", np.ones((72, 96)), r"expected \(24, 32\) or \(48, 64\)"),
        ("disparity", np.ones((48, 64, 2)), r"expected \(24, 32\) or \(48, 64\)"),
        ("disparities", np.ones((48, 64)), "holds no 'disparity'"),
    ],
)
def test_disparity_of_another_form_is_refused(folder, name, values, message):
    save_hdf5(folder / "disp1_left/disp1_left_0002.dsp5", name, values)
    with pytest.raises(DatasetError, match=rf"disp1_left_0002\.dsp5.*{message}"):
        read(folder).read_depth(1)


def test_disparity_that_lies_in_another_file_is_refused(folder, tmp_path):
    """HDF5 would read it, from wherever it lies."""
    place = folder / "disp1_left/disp1_left_0002.dsp5"
    place.rename(tmp_path / "other.h5")
    with h5py.File(place, "w") as file:
        file["disparity"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "disparity")
    with pytest.raises(DatasetError, match=r"dsp5: disparity lies in another file"):
        read(folder).read_depth(1)
    with h5py.File(place, "w") as file:
        values = [(str(tmp_path / "other.h5"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("disparity", shape=(48, 64), dtype="f4", external=values)
    with pytest.raises(DatasetError, match=r"dsp5: disparity lies in another file"):
        read(folder).read_depth(1)


def test_disparity_is_not_unpacked_before_its_shape_is_known(folder):
    with h5py.File(folder / "disp1_left/disp1_left_0002.dsp5", "w") as file:
        file.create_dataset("disparity", (10**7, 10**7), "f4", chunks=(1000, 1000))
    with pytest.raises(DatasetError, match=r"has shape \(10000000, 10000000\); expected"):
        read(folder).read_depth(1)
