"""One path, written as each of the others writes it, is read as the same path."""

import numpy as np
import pytest
from evo.core.trajectory import PoseTrajectory3D
from evo.tools import file_interface
from scipy.spatial.transform import Rotation

from page4d_cli.core.errors import RunError
from page4d_cli.io.formats.camera_path import read_camera_path

COUNT = 6
START_S = 1403636579.75


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(0)
    rotation = Rotation.from_rotvec(rng.normal(size=(COUNT, 3))).as_matrix()
    return np.concatenate([rotation, rng.normal(size=(COUNT, 3, 1))], axis=-1)


STAMPS_S = START_S + 0.05 * np.arange(COUNT)


def rows(poses, stamps, *, w_first=False, more=0):
    quaternions = Rotation.from_matrix(poses[..., :3]).as_quat()
    if w_first:
        quaternions = np.roll(quaternions, 1, axis=1)
    values = np.column_stack([poses[..., 3], quaternions, np.ones((COUNT, more))])
    return [
        [stamp, *(f"{value:.15g}" for value in row)]
        for stamp, row in zip(stamps, values, strict=True)
    ]


def write(path, table, separator=" ", header=""):
    path.write_text(header + "\n".join(separator.join(row) for row in table) + "\n", "utf-8")
    return path


def nanoseconds():
    return [str(round(stamp * 1e3) * 10**6) for stamp in STAMPS_S]


EUROC = (
    "#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], "
    "q_RS_z [], v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], b_w_RS_S_x [rad s^-1], "
    "b_w_RS_S_y [rad s^-1], b_w_RS_S_z [rad s^-1], b_a_RS_S_x [m s^-2], b_a_RS_S_y [m s^-2], "
    "b_a_RS_S_z [m s^-2]\n"
)
TUM_VI = (
    "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],"
    "q_RS_z []\n"
)


def assert_is(read, poses, stamps_s=STAMPS_S):
    np.testing.assert_allclose(read.T_world_camera, poses, atol=1e-12)
    np.testing.assert_allclose(read.timestamps_s, stamps_s, rtol=0, atol=1e-6)


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\ufeff# timestamp tx ty tz qx qy qz qw\n"])
def test_tum_with_blanks_commas_and_a_byte_order_mark(poses, tmp_path, separator, mark):
    table = rows(poses, [f"{stamp:.6f}" for stamp in STAMPS_S])
    read = read_camera_path(write(tmp_path / "a.txt", table, separator, mark))
    assert_is(read, poses)
    assert read.notes == ()


@pytest.mark.parametrize(
    ("a_second", "unit"), [(10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")]
)
def test_the_unit_of_time_is_told_by_its_digits(poses, tmp_path, a_second, unit):
    stamps = [str(round(stamp * 1e3) * a_second // 1000) for stamp in STAMPS_S]
    read = read_camera_path(write(tmp_path / "a.txt", rows(poses, stamps)))
    assert_is(read, poses)
    assert read.notes == (f"{tmp_path}/a.txt: its times are {unit}",)


@pytest.mark.parametrize(
    ("header", "more"), [(EUROC, 9), (TUM_VI, 0), ("", 0), ("", 9), ("\ufeff" + TUM_VI, 0)]
)
def test_euroc_and_tum_vi_have_w_first(poses, tmp_path, header, more):
    table = rows(poses, nanoseconds(), w_first=True, more=more)
    path = write(tmp_path / "data.csv", table, ",", header)
    read = read_camera_path(path)
    assert_is(read, poses)
    assert any("w first" in note for note in read.notes)
    if header == EUROC:
        by_evo = file_interface.read_euroc_csv_trajectory(path)
        np.testing.assert_allclose(
            np.stack(by_evo.poses_se3)[:, :3], read.T_world_camera, atol=1e-9
        )


def test_a_header_without_a_sign_says_the_order(poses, tmp_path):
    table = rows(poses, nanoseconds())
    path = write(tmp_path / "a.csv", table, ",", "t,x,y,z,qx,qy,qz,qw\n")
    assert_is(read_camera_path(path), poses)


def test_what_evo_writes_is_read(poses, tmp_path):
    homogeneous = [np.vstack([pose, [0, 0, 0, 1]]) for pose in poses]
    path = PoseTrajectory3D(poses_se3=homogeneous, timestamps=STAMPS_S)
    file_interface.write_tum_trajectory_file(tmp_path / "tum.txt", path)
    file_interface.write_kitti_poses_file(tmp_path / "kitti.txt", path)
    assert_is(read_camera_path(tmp_path / "tum.txt"), poses)
    kitti = read_camera_path(tmp_path / "kitti.txt")
    np.testing.assert_allclose(kitti.T_world_camera, poses, atol=1e-9)
    np.testing.assert_array_equal(kitti.timestamps_s, np.arange(COUNT))
    assert "no times" in kitti.notes[0]


def test_rows_in_any_order_are_sorted_with_a_word(poses, tmp_path):
    table = rows(poses, [f"{stamp:.6f}" for stamp in STAMPS_S])
    read = read_camera_path(write(tmp_path / "a.txt", table[::-1]))
    assert_is(read, poses)
    assert read.notes == (f"{tmp_path}/a.txt: its rows were sorted by time",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no rows; expected 8 columns"),
        ("1 2 3\n", "line 1: 3 columns; expected 8 columns"),
        ("0 0 0 0 0 0 0 1\n1 0 0\n", "line 2: 3 columns; expected 8"),
        ("0 0 0 0 0 0 0 x\n", "line 1: qw is 'x'"),
        ("nan 0 0 0 0 0 0 1\n", "line 1: timestamp is 'nan'"),
        ("0 0 0 0 0 0 0 0\n", "line 1: the quaternion qx qy qz qw has length 0"),
        (
            "1 0 0 0 0 2 0 0 0 0 1 0\n",
            "line 1: the first three columns of the matrix are no rotation",
        ),
    ],
)
def test_what_is_no_path_is_refused_with_its_line(tmp_path, text, words):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(RunError, match=words):
        read_camera_path(tmp_path / "a.txt")
