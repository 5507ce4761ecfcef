import numpy as np
import pytest
from dataset_layouts import bonn_markers, write_bonn_prepared, write_bonn_raw
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.geometry import as_homogeneous, matrix_from_quat_xyzw
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.sets.rgbd.bonn import rigid_camera_pose


def test_bonn_poses_become_rigid_and_keep_the_geometry_up_to_scale():
    rng = np.random.default_rng(0)
    quats = rng.normal(size=(5, 4))
    marker = np.concatenate([matrix_from_quat_xyzw(quats), rng.normal(size=(5, 3, 1))], axis=2)
    rigid = rigid_camera_pose(marker)
    rotation = rigid[:, :, :3]
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, 1, 2), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    # Written out: the similarity A⁻¹ P A M of the data set, over its scale of 1.0593.
    exchange = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    calibration = np.array([[1.0157, 0.1828, -0.2389, 0.0113], [0.0009, -0.8431, -0.6413, -0.0098],
                            [-0.3009, 0.6147, -0.8085, 0.0111], [0, 0, 0, 1]])  # fmt: skip
    similarity = np.linalg.inv(exchange) @ as_homogeneous(marker) @ exchange @ calibration
    np.testing.assert_allclose(rigid, similarity[:, :3] / 1.0593, atol=2e-4)


@pytest.mark.parametrize("write", [write_bonn_raw, write_bonn_prepared])
def test_keeps_what_published_tables_compare_with(tmp_path, write):
    truth = exact_truth()
    write(tmp_path, truth)
    sequence = find_sequences(Dataset.BONN, tmp_path)[0].read()
    np.testing.assert_allclose(sequence.T_world_recorded, bonn_markers(truth), atol=1e-9)
    assert sequence.intrinsics[0, 0] == 542.822841
    assert "the lens is not undistorted" in sequence.notes


def test_sequences_may_lie_in_the_folder_of_the_archive(tmp_path):
    folder = write_bonn_raw(tmp_path / "rgbd_bonn_dataset", exact_truth())
    (found,) = find_sequences(Dataset.BONN, tmp_path)
    assert found.folder == folder
