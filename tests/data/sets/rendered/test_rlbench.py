"""RLBench's episodes: exact cameras from a pickle of which nothing is made, and what is refused."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from exact_truth import exact_truth
from rlbench_episode import FAR_M, pickled_demo, write_rlbench, write_rlbench_frames

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.check_data.check import check_data


def read(root):
    (found,) = find_sequences(Dataset.RLBENCH, root)
    return found.read()


def test_each_camera_is_a_sequence(tmp_path):
    truth = exact_truth()
    for camera in ("wrist", "left_shoulder"):
        folder = write_rlbench(tmp_path, truth, camera=camera)
    found = find_sequences(Dataset.RLBENCH, tmp_path)
    names = [f"reach_target_variation0_episode0_{camera}" for camera in ("left_shoulder", "wrist")]
    assert [one.name for one in found] == names and {one.folder for one in found} == {folder}
    for place in (folder, folder.parent, folder.parents[2]):
        assert [one.name for one in find_sequences(Dataset.RLBENCH, place)] == names


def test_nothing_but_the_far_plane_is_without_depth(tmp_path):
    truth = exact_truth()
    far = truth.depth_m.copy()
    far[0, :3] = FAR_M
    write_rlbench(tmp_path, replace(truth, depth_m=far))
    depth = read(tmp_path).read_depth(0)
    assert not depth[:3].any() and (depth[3:] > 0).all()


def test_pictures_may_be_fewer_than_observations(tmp_path):
    truth = exact_truth()
    folder = write_rlbench(tmp_path, truth)
    for index in (0, 2):
        (folder / f"wrist_rgb/{index}.png").unlink()
    sequence = read(tmp_path)
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world[[1, 3]], atol=1e-9)


def test_a_check_fails_where_the_matrix_is_taken_the_other_way_round(tmp_path):
    """As the original takes it: world to camera."""
    truth = exact_truth()
    write_rlbench(tmp_path / "right", truth)
    assert check_data(Dataset.RLBENCH, tmp_path / "right").passed
    wrong = replace(truth, T_camera_world=invert_rigid(truth.T_camera_world))
    write_rlbench(tmp_path / "wrong", wrong)
    (report,) = check_data(Dataset.RLBENCH, tmp_path / "wrong").sequences
    assert "depth consistency" in {each.check.value for each in report.failures}


class Evil:
    def __reduce__(self):
        return Path.touch, (Path(Evil.mark),)


def test_a_pickle_calls_nothing_that_it_names(tmp_path):
    folder = write_rlbench(tmp_path, exact_truth())
    Evil.mark = str(tmp_path / "called")
    (folder / "low_dim_obs.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DatasetError, match=r"low_dim_obs\.pkl: '_observations' is missing"):
        read(tmp_path)
    assert not (tmp_path / "called").exists()


def camera(**changes):
    good = {
        "wrist_camera_intrinsics": np.eye(3),
        "wrist_camera_extrinsics": np.eye(4),
        "wrist_camera_near": 0.1,
        "wrist_camera_far": 3.0,
    }
    return pickled_demo([good | changes] * 4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is damaged, or no pickle"),
        (pickle.dumps([1, 2]), "it holds no observations"),
        (pickled_demo([]), r"it has 0 observations, and none for 0\.png"),
        (pickled_demo([{}] * 4), "'wrist_camera_intrinsics' is missing"),
        (camera(wrist_camera_far="3"), "wrist_camera_far is no length"),
        (camera(wrist_camera_near=0.0), "wrist_camera_near is no length"),
        (camera(wrist_camera_extrinsics=np.eye(3)), r"shape \(3, 3\), expected \(4, 4\)"),
        (camera(wrist_camera_extrinsics=np.eye(4, dtype=int)), "it is no array of doubles"),
        (camera(wrist_camera_intrinsics=np.full((3, 3), np.nan)), "its values are not finite"),
        (camera(wrist_camera_intrinsics=[[1.0]]), "it is no array"),
    ],
)
def test_cameras_of_another_form_are_refused(tmp_path, data, message):
    folder = write_rlbench(tmp_path, exact_truth())
    (folder / "low_dim_obs.pkl").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"low_dim_obs\.pkl.*{message}"):
        read(tmp_path)


def test_arrays_by_columns_are_read_as_they_are_meant(tmp_path):
    truth = exact_truth()
    folder = write_rlbench(tmp_path, truth)
    pose = np.asfortranarray(np.arange(16.0).reshape(4, 4))
    (folder / "low_dim_obs.pkl").write_bytes(camera(wrist_camera_extrinsics=pose))
    np.testing.assert_array_equal(np.abs(read(tmp_path).T_camera_world[0, :, :3].T), pose[:3, :3])


def test_the_original_s_form(tmp_path):
    truth = exact_truth()
    write_rlbench_frames(tmp_path, truth)
    sequence = read(tmp_path)
    assert sequence.name == "reach_target_episode0_front"
    np.testing.assert_array_equal(sequence.intrinsics, truth.intrinsics)
    np.testing.assert_allclose(sequence.T_camera_world[3], truth.T_camera_world[0])
    np.testing.assert_array_equal(sequence.read_depth(2), truth.depth_m[2])
    path = tmp_path / "reach_target/camera_params.json"
    path.write_text(path.read_text().replace("front", "rear"))
    with pytest.raises(DatasetError, match=r"camera_params\.json has no camera 'front'"):
        read(tmp_path)
    path.write_text('{"front": {"Intrinsic": [], "Extrinsic": []}}')
    with pytest.raises(DatasetError, match="expected 3×3 Intrinsic"):
        read(tmp_path)
