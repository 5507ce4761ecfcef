import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.io.formats import nuke

ABOUT = {axis: np.eye(3)[index] for index, axis in enumerate("XYZ")}


def rotation(order, degrees_xyz):
    """Turn about the axes in the order of their names, as Nuke's manual says it."""
    turns = dict(zip("XYZ", degrees_xyz, strict=True))
    matrix = np.eye(3)
    for axis in order:
        matrix = Rotation.from_rotvec(np.deg2rad(turns[axis]) * ABOUT[axis]).as_matrix() @ matrix
    return matrix


def test_nuke_sees_the_points_where_the_picture_has_them(scene, export):
    folder = export("nuke", frames=slice(1, None, 2)) / "nuke"
    rows = np.loadtxt(folder / "camera.chan")
    about = json.loads((folder / "camera.json").read_text())
    np.testing.assert_array_equal(rows[:, 0], [2, 4])  # Nuke's first frame is 1
    for row, frame, index in zip(rows, about["frames"], (1, 3), strict=True):
        assert frame["frame"] == row[0]
        # A point behind source pixel (60.5, 20.5), counted from the corner of a 112×96 picture.
        pose, k = scene.run.extrinsics()[index].astype(float), scene.run.intrinsics_source()[index]
        in_camera = 3 * np.array([(60.5 - 56) / k[0, 0], (20.5 - 48) / k[1, 1], 1])
        world = invert_rigid(pose) @ [*in_camera, 1] * [1, -1, -1]
        seen = rotation(about["rotation_order"], row[4:7]).T @ (world - row[1:4])
        x, y = seen[:2] / -seen[2] * frame["focal_mm"]
        np.testing.assert_allclose(56 + x / frame["haperture_mm"] * 112, 60.5, atol=1e-4)
        np.testing.assert_allclose(48 - y / frame["vaperture_mm"] * 96, 20.5, atol=1e-4)
        half = np.tan(np.deg2rad(row[7] / 2))
        np.testing.assert_allclose(48 - seen[1] / -seen[2] / half * 48, 20.5, atol=1e-4)


def test_angles_do_not_jump_by_a_turn_between_frames(tmp_path):
    turns = Rotation.from_euler("y", np.arange(0, 720, 60)[:, None], degrees=True).as_matrix()
    poses = np.concatenate([turns, np.zeros((12, 3, 1))], axis=-1)
    lens = nuke.lens(np.diag([50.0, 50.0, 1.0]), (100, 80))
    nuke.write_chan(tmp_path / "a.chan", range(12), poses, [lens] * 12)
    rows = np.loadtxt(tmp_path / "a.chan")
    np.testing.assert_allclose(np.abs(np.diff(rows[:, 5])), 60, atol=1e-6)


def test_a_camera_that_looks_straight_down_is_no_warning(tmp_path):
    down = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]])[None]
    lens = nuke.lens(np.diag([50.0, 60.0, 1.0]), (100, 80))
    nuke.write_chan(tmp_path / "a.chan", [1], down, [lens])
    angles = np.loadtxt(tmp_path / "a.chan")[4:7]
    opengl = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(
        rotation("ZXY", angles), opengl @ down[0, :, :3].T @ opengl, atol=1e-6
    )


def test_pixels_that_are_not_square_have_their_own_aperture():
    lens = nuke.lens(np.diag([50.0, 100.0, 1.0]), (100, 80))
    assert lens.focal_mm == 18 and lens.vaperture_mm == pytest.approx(18 * 0.8)
    assert lens.vfov_deg == pytest.approx(np.rad2deg(2 * np.arctan(40 / 100)))
