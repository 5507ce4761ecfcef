import numpy as np
import pytest
from camera_paths import read_tum

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import RunError, WriteError
from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.io.formats.trajectory import (
    write_intrinsics,
    write_kitti,
    write_tum,
)

GOOD_ROW = "1305031102.175304 1 2 3 0 0 0 1"


def random_poses(count, seed=0):
    rng = np.random.default_rng(seed)
    rotation = matrix_from_quat_xyzw(rng.normal(size=(count, 4)))
    scale = 10.0 ** rng.integers(-6, 6, size=(count, 1))
    return np.concatenate([rotation, (rng.normal(size=(count, 3)) * scale)[..., None]], axis=2)


def stamps(count):
    return 1305031102.175304 + np.arange(count) * 0.033367


@pytest.mark.parametrize("count", [1, 50])
def test_tum_read_of_write_is_identity(tmp_path, count):
    path, poses = tmp_path / "trajectory.txt", random_poses(count)
    write_tum(path, stamps(count), poses)
    timestamps_s, read = read_tum(path)
    np.testing.assert_allclose(read, poses, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(read[..., 3], poses[..., 3], rtol=1e-9)
    np.testing.assert_array_equal(np.rint(timestamps_s * 1e6), np.rint(stamps(count) * 1e6))


def test_half_turns_survive(tmp_path):
    poses = np.zeros((3, 3, 4))
    poses[:, :3, :3] = [np.diag(d) for d in ([1, -1, -1], [-1, 1, -1], [-1, -1, 1])]
    write_tum(tmp_path / "t.txt", stamps(3), poses)
    np.testing.assert_allclose(read_tum(tmp_path / "t.txt")[1], poses, atol=1e-12)


def test_float32_poses_are_taken(tmp_path):
    poses = random_poses(5).astype(np.float32)
    write_tum(tmp_path / "t.txt", stamps(5), poses)
    np.testing.assert_allclose(read_tum(tmp_path / "t.txt")[1], poses, rtol=1e-6, atol=1e-6)


def test_the_header_names_convention_and_unit(tmp_path):
    write_tum(tmp_path / "t.txt", stamps(1), random_poses(1))
    header = [line for line in (tmp_path / "t.txt").read_text().splitlines() if line[0] == "#"]
    assert "camera-to-world" in header[0]
    assert "relative" in header[1]
    assert header[2] == "# timestamp tx ty tz qx qy qz qw"


def test_evo_reads_the_same_poses(tmp_path):
    from evo.tools import file_interface

    poses = random_poses(10)
    write_tum(tmp_path / "trajectory.txt", stamps(10), poses)
    trajectory = file_interface.read_tum_trajectory_file(tmp_path / "trajectory.txt")
    np.testing.assert_allclose(trajectory.timestamps, stamps(10), atol=5e-7)
    np.testing.assert_allclose(np.array(trajectory.poses_se3)[:, :3], poses, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1 2 3 4 0 0 1", "7 columns; expected 8"),
        ("1 2 x 4 0 0 0 1", "ty is 'x'; expected a finite number"),
        ("1 2 3 inf 0 0 0 1", "tz is 'inf'; expected a finite number"),
        ("nan 2 3 4 0 0 0 1", "timestamp is 'nan'; expected a finite number"),
        ("1 2 3 4 0 0 0 0", "quaternion qx qy qz qw has length 0; expected 1"),
        ("1 2 3 4 1e17 0 0 0", "has length 1e\\+17"),
        ("1 2 3 1e300 0 0 0 1", "tz is '1e300'; expected a finite number up to 1e\\+18"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path, row, words):
    path = tmp_path / "trajectory.txt"
    path.write_text(f"# comment\n\n{GOOD_ROW}\n{row}\n{GOOD_ROW}\n")
    with pytest.raises(RunError, match=words) as caught:
        read_tum(path)
    assert f"{path}, line 4" in str(caught.value)


def test_absent_and_binary_files_are_named(tmp_path):
    with pytest.raises(RunError, match=r"absent.txt: No such file"):
        read_tum(tmp_path / "absent.txt")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\xff\x00")
    with pytest.raises(RunError, match=r"picture.txt: it is not a text file; expected 8 columns"):
        read_tum(tmp_path / "picture.txt")


def test_a_path_without_poses_is_told(tmp_path):
    write_tum(tmp_path / "empty.txt", stamps(0), random_poses(0))
    with pytest.raises(RunError, match=r"empty\.txt has no rows; expected 8 columns"):
        read_tum(tmp_path / "empty.txt")


def test_commas_and_spaces_are_alike(tmp_path):
    (tmp_path / "a.csv").write_text("#timestamp, tx\n" + GOOD_ROW.replace(" ", ",") + "\n")
    times_s, poses = read_tum(tmp_path / "a.csv")
    assert times_s.tolist() == [1305031102.175304] and poses[0, :, 3].tolist() == [1, 2, 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_never_written(tmp_path, bad):
    path, poses, cameras = tmp_path / "out.txt", random_poses(3), np.stack([np.eye(3)] * 3)
    poses[1, 0, 3] = cameras[1, 0, 0] = bad
    with pytest.raises(ValueError, match="leave those frames out"):
        write_tum(path, stamps(3), poses)
    with pytest.raises(ValueError, match="leave those frames out"):
        write_intrinsics(path, stamps(3), cameras)
    with pytest.raises(ValueError, match="timestamps_s"):
        write_tum(path, np.array([bad]), random_poses(1))
    assert not path.exists()


def test_counts_must_agree(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(3, 3, 4\), expected \(2, 3, 4\)"):
        write_tum(tmp_path / "t.txt", stamps(2), random_poses(3))


def test_intrinsics_keep_their_digits(tmp_path):
    intrinsics = np.tile(np.eye(3), (4, 1, 1))
    intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]] = np.random.default_rng(1).uniform(1, 4000, (4, 4))
    write_intrinsics(tmp_path / "intrinsics.txt", stamps(4), intrinsics)
    timestamps_s, *read = np.loadtxt(tmp_path / "intrinsics.txt").T
    np.testing.assert_allclose(read, intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]].T, rtol=1e-9)
    np.testing.assert_allclose(timestamps_s, stamps(4), atol=5e-7)


def test_intrinsics_columns_are_fx_fy_cx_cy(tmp_path):
    intrinsics = np.array([[[500.5, 0, 320], [0, 510.25, 240], [0, 0, 1]]])
    write_intrinsics(tmp_path / "i.txt", np.array([1.5]), intrinsics)
    lines = (tmp_path / "i.txt").read_text().splitlines()
    assert lines[-2:] == ["# timestamp fx fy cx cy", "1.500000 500.5 510.25 320 240"]
    assert "source" in lines[0]


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file or directory"):
        write_tum(tmp_path / "no" / "t.txt", stamps(1), random_poses(1))


def test_kitti_rows_are_the_twelve_numbers_of_the_matrix(tmp_path):
    poses = np.random.default_rng(0).normal(size=(3, 3, 4))
    write_kitti(tmp_path / "poses.txt", poses)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "poses.txt").reshape(3, 3, 4), poses)
    with pytest.raises(ValueError, match="not finite"):
        write_kitti(tmp_path / "poses.txt", poses * np.nan)


def test_a_file_of_several_worlds_is_no_path(tmp_path):
    path = tmp_path / "trajectory.txt"
    write_tum(path, stamps(4), random_poses(4), new_worlds=[2])
    assert np.loadtxt(path).shape == (4, 8)  # others read all rows
    with pytest.raises(RunError, match=r"several segments.*trajectory_1\.txt"):
        read_tum(path)


def test_the_header_says_metres_where_lengths_are(tmp_path):
    write_tum(tmp_path / "t.txt", stamps(1), random_poses(1), unit=LengthUnit.METRES)
    assert "unit of length: metres\n" in (tmp_path / "t.txt").read_text()
