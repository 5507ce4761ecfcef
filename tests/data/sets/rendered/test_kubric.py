import json

import numpy as np
import pytest
import tifffile
from exact_truth import exact_truth
from rendered_layouts import write_kubric

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


@pytest.fixture
def folder(tmp_path):
    return write_kubric(tmp_path, exact_truth())


def read(folder):
    (found,) = find_sequences(Dataset.KUBRIC, folder)
    return found.read()


def edit(folder, change):
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    change(metadata)
    path.write_text(json.dumps(metadata))


def test_pixels_are_square_and_the_principal_point_is_the_middle(folder):
    k = read(folder).intrinsics
    np.testing.assert_allclose(k, exact_truth().without_border().intrinsics, atol=1e-9)
    assert k[0, 0] == k[1, 1] and (k[0, 2], k[1, 2]) == (15, 11)


def test_the_sensor_tells_the_focal_length_if_the_field_of_view_does_not(folder):
    whole = read(folder).intrinsics

    def change(metadata):
        del metadata["camera"]["field_of_view"]
        metadata["camera"] |= {"focal_length": 36.0 * whole[0, 0] / 31, "sensor_width": 36.0}

    edit(folder, change)
    np.testing.assert_allclose(read(folder).intrinsics, whole)


def test_depth_in_16_bits(folder):
    depth = read(folder).read_depth(0)
    length = tifffile.imread(folder / "depth_00000.tiff")[..., 0]
    low, high = 0.5, 20.5
    quantised = np.round((length - low) / (high - low) * 65535).astype(np.uint16)
    tifffile.imwrite(folder / "depth_00000.tiff", quantised)
    edit(folder, lambda metadata: metadata.update(depth_range=[low, high]))
    np.testing.assert_allclose(read(folder).read_depth(0), depth, atol=20 / 65535)


def test_rays_that_meet_nothing_have_no_depth(folder):
    length = tifffile.imread(folder / "depth_00002.tiff")
    length[:3] = 1e10
    tifffile.imwrite(folder / "depth_00002.tiff", length)
    depth = read(folder).read_depth(2)
    assert (depth[:3] == 0).all() and (depth[3:] > 0).all()


def test_without_segments_nobody_knows_what_moves(folder):
    for path in folder.glob("segmentation_*.png"):
        path.unlink()
    sequence = read(folder)
    assert sequence.read_moving is None and sequence.read_tracks is None
    assert "no segments: nobody knows what moves" in sequence.notes


def test_a_camera_that_stands_still_has_one_pose(folder):
    def change(metadata):
        for name in ("positions", "quaternions"):
            metadata["camera"][name] = metadata["camera"][name][:1]

    edit(folder, change)
    poses = read(folder).T_camera_world
    np.testing.assert_array_equal(poses, np.repeat(poses[:1], 4, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("camera"), "camera is missing"),
        (lambda m: m["camera"].update(field_of_view=None, focal_length=None), "no field_of_view"),
        (lambda m: m["camera"]["positions"].pop(), "3 positions and 4 quaternions"),
        (lambda m: [m["instances"][0][key].pop() for key in ("positions", "quaternions")],
         "poses of 3 frames, none of frame 3"),
        (lambda m: m["camera"].update(positions="far"), "expected a list"),
    ],
)  # fmt: skip
def test_metadata_that_are_wrong_name_themselves(folder, change, message):
    edit(folder, change)
    with pytest.raises(DatasetError, match=rf"metadata\.json.*{message}"):
        read(folder)


def test_a_segment_of_no_instance_is_refused(folder):
    edit(folder, lambda metadata: metadata.update(instances=[]))
    sequence = read(folder)
    with pytest.raises(DatasetError, match=r"segmentation_00000\.png shows instance \d"):
        sequence.read_moving(0)


@pytest.mark.parametrize("values", [np.ones((4, 4), np.int32), np.ones((3, 4, 4), np.float32)])
def test_depth_of_another_form_is_refused(folder, values):
    tifffile.imwrite(folder / "depth_00001.tiff", values, photometric="minisblack")
    with pytest.raises(DatasetError, match=r"depth_00001\.tiff holds .*expected floats or 16 bits"):
        read(folder).read_depth(1)
