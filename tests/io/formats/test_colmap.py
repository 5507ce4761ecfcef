from dataclasses import replace

import numpy as np
import pycolmap
import pytest

from page4d_cli.core.geometry import matrix_from_quat_xyzw, project
from page4d_cli.io.formats.colmap import (
    ColmapModel,
    share_cameras,
    write_colmap_binary,
    write_colmap_text,
)

SIZE = np.array([640, 480])
K = np.array([[500.0, 0, 319.5], [0, 510.0, 239.5], [0, 0, 1]])


@pytest.fixture
def model():
    """Three images of two cameras; the last image shows nothing."""
    rng = np.random.default_rng(0)
    rotation = matrix_from_quat_xyzw(rng.normal(size=(3, 4)))
    poses = np.concatenate([rotation, rng.normal(size=(3, 3, 1))], axis=2)
    sizes, parameters, cameras = share_cameras(
        np.stack([SIZE] * 3), np.stack([K, K, 1.1 * K]), np.zeros(3)
    )
    return ColmapModel(
        sizes=sizes,
        parameters=parameters,
        camera_of_image=cameras,
        names=("a.png", "ö.png", "sub/c.png"),
        T_camera_world=poses,
        points=rng.normal(size=(4, 3)),
        colors=rng.integers(0, 256, (4, 3), np.uint8),
        errors_px=rng.uniform(size=4),
        image_of_observation=np.array([0, 0, 0, 1, 1]),
        point_of_observation=np.array([0, 1, 3, 1, 2]),
        xy=rng.uniform(0, 480, (5, 2)),
    )


def read_binary(folder, model):
    write_colmap_binary(folder, model)
    reconstruction = pycolmap.Reconstruction()
    reconstruction.read_binary(folder)
    return reconstruction


def read_text(folder, model):
    write_colmap_text(folder, model)
    reconstruction = pycolmap.Reconstruction()
    reconstruction.read_text(folder)
    return reconstruction


@pytest.mark.parametrize("read", [read_text, read_binary])
def test_pycolmap_reads_every_number_as_it_was(tmp_path, model, read):
    there = read(tmp_path, model)
    assert [there.images[i].name for i in (1, 2, 3)] == list(model.names)
    assert [there.images[i].camera_id - 1 for i in (1, 2, 3)] == [0, 0, 1]
    for index, parameters in enumerate(model.parameters):
        camera = there.cameras[index + 1]
        assert camera.model.name == "PINHOLE" and (camera.width, camera.height) == (640, 480)
        np.testing.assert_array_equal(camera.params, parameters)
    for index, pose in enumerate(model.T_camera_world):
        read_pose = there.images[index + 1].cam_from_world().matrix()
        np.testing.assert_allclose(read_pose, pose, atol=1e-14)
    for index in range(4):
        point = there.points3D[index + 1]
        np.testing.assert_array_equal(point.xyz, model.points[index])
        np.testing.assert_array_equal(point.color, model.colors[index])
        assert point.error == model.errors_px[index]
    for number, image in there.images.items():
        mine = model.image_of_observation == number - 1
        seen = [(p.point3D_id - 1, *p.xy) for p in image.points2D]
        rows = zip(model.point_of_observation[mine], model.xy[mine], strict=True)
        assert seen == [(point, *xy) for point, xy in rows]
    tracks = {
        number - 1: [(e.image_id - 1, e.point2D_idx) for e in point.track.elements]
        for number, point in there.points3D.items()
    }
    assert tracks == {0: [(0, 0)], 1: [(0, 1), (1, 0)], 2: [(1, 1)], 3: [(0, 2)]}


@pytest.mark.parametrize("read", [read_text, read_binary])
def test_distortion_is_told_and_shared_where_it_is_equal(tmp_path, model, read):
    k1 = np.array([-0.1, -0.1, 0.05])
    sizes, parameters, cameras = share_cameras(np.stack([SIZE] * 3), np.stack([K] * 3), k1)
    shared = {"sizes": sizes, "parameters": parameters, "camera_of_image": cameras}
    there = read(tmp_path, replace(model, **shared))
    assert [there.images[i].camera_id for i in (1, 2, 3)] == [1, 1, 2]
    assert there.cameras[1].model.name == "OPENCV"
    for number, own in ((1, -0.1), (2, 0.05)):
        assert there.cameras[number].params.tolist() == [500, 510, 320, 240, own, 0, 0, 0]


def test_a_pixel_centre_is_at_one_half(tmp_path, model):
    """Our whole numbers are pixel centres; COLMAP's projection says half a pixel more."""
    there = read_text(tmp_path, model)
    in_camera = np.array([[0.1, -0.2, 2.0]])
    ours, _ = project(in_camera, K, np.eye(3, 4))
    theirs = there.cameras[1].img_from_cam(in_camera)
    np.testing.assert_allclose(theirs, ours + 0.5)


def test_cameras_are_shared_where_no_corner_moves_by_half_a_pixel():
    near, far, other_centre = K.copy(), K.copy(), K.copy()
    near[0, 0] *= 1 + 0.4 / 320
    far[0, 0] *= 1 + 0.6 / 320
    other_centre[1, 2] += 0.6
    sizes = np.stack([SIZE] * 5)
    sizes[4] = 641, 480
    shared = share_cameras(sizes, np.stack([K, near, far, other_centre, K]), np.zeros(5))
    np.testing.assert_array_equal(shared[2], [0, 0, 1, 2, 3])
    assert shared[0].tolist() == [[640, 480]] * 3 + [[641, 480]]
    np.testing.assert_allclose(shared[1][0], [500, 510, 320, 240])


def test_lists_that_do_not_fit_are_refused(model):
    with pytest.raises(ValueError, match="5 observations"):
        ColmapModel(**{**vars(model), "point_of_observation": np.array([0])})
