import json
import shutil

import numpy as np
import pytest
from dataset_layouts import EPOCH_S, write_folder
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path, exact_truth())


def read(folder):
    return find_sequences(Dataset.FOLDER, folder)[0].read()


@pytest.mark.parametrize("place", ["images", ""])
def test_pictures_may_lie_elsewhere(folder, place):
    shutil.copytree(folder / "rgb", folder / place, dirs_exist_ok=True)
    shutil.rmtree(folder / "rgb")
    sequence = read(folder)
    np.testing.assert_allclose(sequence.timestamps_s, EPOCH_S + exact_truth().timestamps_s)
    assert sequence.frames[0].parent == folder / place


def test_poses_are_found_by_time(folder):
    """A list that runs faster than the pictures, and ends before them."""
    truth = exact_truth()
    path = folder / "groundtruth.txt"
    header, *rows = path.read_text().splitlines()
    between = [f"{EPOCH_S + 0.1 * step} 9 9 9 0 0 0 1" for step in (1, 2, 3)]
    path.write_text("\n".join([header, rows[0], *between, *rows[1:3]]))
    sequence = read(folder)
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world[:3], atol=1e-9)
    assert "1 of 4 pictures left out: no pose" in sequence.notes


def test_untimed_pictures_need_as_many_poses(folder):
    for kind in ("rgb", "depth"):
        for index, path in enumerate(sorted((folder / kind).iterdir())):
            path.rename(path.with_stem(f"{index:03d}"))
    sequence = read(folder)
    np.testing.assert_array_equal(sequence.timestamps_s, range(4))
    assert "no time stamps: frames are counted as seconds" in sequence.notes
    assert sequence.worst_offset_s is None
    path = folder / "groundtruth.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DatasetError, match="4 pictures and 3 poses, and the names tell no time"):
        read(folder)


def test_clocks_that_do_not_meet_are_told(folder):
    path = folder / "groundtruth.txt"
    path.write_text(path.read_text().replace("\n13000000", "\n14000000") + "1 0 0 0 0 0 0 1")
    with pytest.raises(DatasetError, match=r"4 pictures and 5 poses, and none are within 0\.02 s"):
        read(folder)


def test_depth_or_poses_may_be_absent(folder):
    (folder / "groundtruth.txt").unlink()
    assert read(folder).T_camera_world is None
    path = folder / "groundtruth.txt"
    path.write_text("\n".join(f"{EPOCH_S + i / 2} {i} 0 0 0 0 0 1" for i in range(4)))
    shutil.rmtree(folder / "depth")
    sequence = read(folder)
    assert sequence.read_depth is None and len(sequence) == 4


def test_a_folder_without_pictures_is_named(folder):
    shutil.rmtree(folder / "rgb")
    with pytest.raises(DatasetError, match="kitchen has no images"):
        read(folder)


def write_cameras(folder, form, **arrays):
    (folder / "groundtruth.txt").unlink()
    if form == "npz":
        np.savez(folder / "cameras.npz", **arrays)
    else:
        content = {name: array.tolist() for name, array in arrays.items()}
        (folder / "cameras.json").write_text(json.dumps({**content, "made by": "me"}))


@pytest.mark.parametrize("form", ["npz", "json"])
@pytest.mark.parametrize("shared", [True, False])
def test_cameras_may_be_one_file_of_arrays(folder, form, shared):
    truth = exact_truth()
    k = np.array([[50.0, 0, 28], [0, 51, 21], [0, 0, 1]])
    k = k if shared else k * np.linspace(1, 2, 4)[:, None, None]
    write_cameras(folder, form, T_camera_world=truth.T_camera_world, intrinsics=k)
    missing = sorted((folder / "depth").iterdir())[1]
    missing.unlink()  # its picture is left out, and its camera with it
    sequence = read(folder)
    np.testing.assert_array_equal(sequence.T_camera_world, truth.T_camera_world[[0, 2, 3]])
    np.testing.assert_array_equal(sequence.intrinsics_of(1), k if shared else k[2])


def test_the_cameras_of_a_run_are_such_a_file(folder):
    truth = exact_truth()
    write_cameras(folder, "npz", extrinsics=np.float32(truth.T_camera_world))
    sequence = read(folder)
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-6)
    assert sequence.intrinsics is None


@pytest.mark.parametrize("form", ["npz", "json"])
def test_cameras_of_other_pictures_are_refused(folder, form):
    write_cameras(folder, form, T_camera_world=exact_truth().T_camera_world[:3])
    with pytest.raises(DatasetError, match=r"T_camera_world .*4, 3, 4\)"):
        read(folder)


def test_two_files_that_say_where_cameras_are_contradict(folder):
    np.savez(folder / "cameras.npz", T_camera_world=exact_truth().T_camera_world)
    with pytest.raises(DatasetError, match=r"has groundtruth\.txt and cameras\.npz"):
        read(folder)


def test_depth_may_be_arrays_in_metres(folder):
    depth = read(folder).read_depth
    expected = [depth(index) for index in range(4)]
    for path, map_ in zip(sorted((folder / "depth").iterdir()), expected, strict=True):
        np.save(path.with_suffix(".npy"), np.where(map_ > 0, map_, np.nan))
        path.unlink()
    sequence = read(folder)
    assert sequence.depth_files[0].suffix == ".npy"
    for index in range(4):
        np.testing.assert_array_equal(sequence.read_depth(index), expected[index])


def test_the_scale_of_depth_may_stand_beside_it(folder):
    before = read(folder).read_depth(0)
    scale = folder / "depth" / "scale.json"
    scale.write_text('{"depth_png_scale": 1000, "convention": "as page4d export writes it"}')
    sequence = read(folder)
    np.testing.assert_allclose(sequence.read_depth(0), 5 * before, rtol=1e-6)
    assert "depth is 16-bit PNGs with 1000 a metre, as scale.json says" in sequence.notes
    scale.write_text('{"depth_png_scale": 0}')
    with pytest.raises(DatasetError, match="depth_png_scale is 0; write"):
        read(folder)
