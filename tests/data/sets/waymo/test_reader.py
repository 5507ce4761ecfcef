"""Records of Waymo's form: what is written is what is read, and what is damaged says where."""

import os
import sys

import numpy as np
import pytest
from typer.testing import CliRunner
from waymo_record import (
    FRONT,
    NAME,
    copy_of,
    pack_matrix,
    waymo_truth,
    write_records,
    write_waymo,
)

from page4d_cli.app import app
from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError, FramesError
from page4d_cli.core.geometry import project
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.check_data.check import check_data


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def read(root):
    (found,) = find_sequences(Dataset.WAYMO, root)
    return found.read()


def rewritten(tmp_path, change):
    """A record whose second frame is changed."""
    frames = [copy_of(frame) for frame in waymo_truth().frames]
    change(frames[1])
    return write_records(tmp_path / NAME, [frame.SerializeToString() for frame in frames])


def test_cameras_are_the_scene_s(tmp_path):
    truth = waymo_truth()
    write_waymo(tmp_path, truth)
    sequence = read(tmp_path)
    assert sequence.name == NAME.removesuffix("_with_camera_labels.tfrecord")
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-6)
    np.testing.assert_array_equal(sequence.intrinsics, truth.intrinsics)
    np.testing.assert_array_equal(sequence.timestamps_s * 1e6, truth.timestamps_us)
    for index in range(len(truth)):
        image = sequence.read_image(index).astype(int)
        assert np.abs(image - truth.images[index]).mean() < 8  # JPEG


def test_depth_is_that_of_the_nearest_return_in_each_pixel(tmp_path):
    truth = waymo_truth()
    write_waymo(tmp_path, truth)
    sequence = read(tmp_path)
    for index, hits in enumerate(truth.hits):
        pixels, z = project(hits, truth.intrinsics, truth.T_camera_world[index])
        u, v = np.floor(pixels + 0.5).astype(int).T
        expected = np.full(truth.depth_m[index].shape, np.inf)
        np.minimum.at(expected, (v, u), z)
        expected[np.isinf(expected)] = 0
        depth = sequence.read_depth(index)
        assert depth.dtype == np.float32 and (depth > 0).mean() > 0.8
        np.testing.assert_array_equal(depth > 0, expected > 0)
        np.testing.assert_allclose(depth, expected, rtol=1e-5, atol=2e-4)
        # and what was drawn, but for the half pixel to a pixel's centre
        error = np.abs(depth / truth.depth_m[index] - 1)[depth > 0]
        assert np.median(error) < 0.02


def test_a_check_passes_on_scattered_returns_and_fails_on_poses_of_other_frames(tmp_path):
    truth = waymo_truth(size=(192, 144), beams=(20, 400))
    path = write_waymo(tmp_path, truth)
    (report,) = check_data(Dataset.WAYMO, tmp_path).sequences
    assert report.result == "passed" and report.valid_depth < 0.05 and report.depth_error < 0.01
    frames = [copy_of(frame) for frame in truth.frames]
    for frame, other in zip(frames, reversed(truth.frames), strict=True):
        for image, true in zip(frame.images, other.images, strict=True):
            image.pose.CopyFrom(true.pose)
    write_records(path, [frame.SerializeToString() for frame in frames])
    (report,) = check_data(Dataset.WAYMO, tmp_path).sequences
    assert "depth consistency" in {each.check.value for each in report.failures}


def test_any_frame_is_read_without_those_before_it(tmp_path):
    truth = waymo_truth()
    path = write_waymo(tmp_path, truth)
    right = read(tmp_path).read_depth(2)
    status, data = path.stat(), bytearray(path.read_bytes())
    data[3000] ^= 1  # in a picture of the first frame
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    sequence = read(tmp_path)
    np.testing.assert_array_equal(sequence.read_depth(2), right)
    with pytest.raises(DatasetError, match=r"tfrecord: the data of record 0 fail their checksum"):
        sequence.read_image(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-3], r"record 3 has \d+ bytes, of which \d+ are there: .* cut short"),
        (lambda data: data[:5], "is cut short within record 0"),
        (lambda _: b"", "is empty"),
        (lambda data: b"\1" + data[1:], "the length of record 0 fails its checksum"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    path = write_waymo(tmp_path, waymo_truth())
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DatasetError, match=message):
        read(tmp_path)


def test_records_of_another_kind_are_refused(tmp_path):
    write_records(tmp_path / NAME, [b"\x0a\x03abc"])
    with pytest.raises(DatasetError, match=r"record 0 is no frame of Waymo's: it has no timestamp"):
        read(tmp_path)
    write_records(tmp_path / NAME, [b"no protocol buffer at all"])
    with pytest.raises(DatasetError, match="record 0 is no frame of Waymo's"):
        read(tmp_path)
    rewritten(tmp_path, lambda frame: frame.images.pop())
    with pytest.raises(
        DatasetError, match=r"record 1 is no frame .*no picture of the front camera"
    ):
        read(tmp_path)


def test_a_record_without_laser_data_has_pictures_and_cameras(tmp_path):
    frames = [copy_of(frame) for frame in waymo_truth().frames]
    for frame in frames:
        for laser in frame.lasers:
            laser.Clear()
    write_records(tmp_path / NAME, [frame.SerializeToString() for frame in frames])
    sequence = read(tmp_path)
    assert sequence.read_depth is None and sequence.T_camera_world.shape == (4, 3, 4)
    assert "no depth: the record holds no laser data" in sequence.notes


def test_a_frame_without_laser_data_is_empty(tmp_path):
    rewritten(tmp_path, lambda frame: [laser.Clear() for laser in frame.lasers])
    sequence = read(tmp_path)
    assert "1 of 4 frames have no laser data" in sequence.notes
    assert not sequence.read_depth(1).any() and sequence.read_depth(0).any()


def damage_matrix(frame):
    frame.lasers[0].ri_return1.range_image_compressed = b"no zlib"


def lose_calibration(frame):
    del frame.context.laser_calibrations[1]


def change_size(frame):
    frame.lasers[0].ri_return1.camera_projection_compressed = pack_matrix(
        "MatrixInt32", np.full((3, 4, 6), FRONT, np.int32)
    )


def lose_beams(frame):
    del frame.context.laser_calibrations[0].beam_inclinations[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage_matrix, "a matrix of laser data is damaged"),
        (lose_calibration, "laser 2 is not calibrated"),
        (change_size, "range image and projections differ in size"),
        (lose_beams, "39 beams for a range image of 40 rows"),
    ],
)
def test_damaged_laser_data_name_the_frame(tmp_path, change, message):
    rewritten(tmp_path, change)
    sequence = read(tmp_path)
    with pytest.raises(DatasetError, match=rf"tfrecord, frame 1: .*{message}"):
        sequence.read_depth(1)
    assert sequence.read_depth(2).any()


def test_a_damaged_picture_names_the_frame(tmp_path):
    def change(frame):
        front = next(image for image in frame.images if image.name == FRONT)
        front.image = b"no JPEG"

    rewritten(tmp_path, change)
    with pytest.raises(FramesError, match=r"tfrecord, frame 1 is no image"):
        read(tmp_path).read_image(1)


def test_says_what_to_install(tmp_path, monkeypatch):
    write_waymo(tmp_path, waymo_truth())
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(DatasetError, match=r"needs google_crc32c; pip install '\.\[sets\]'"):
        read(tmp_path)


def test_an_evaluation_says_that_it_cannot_predict(tmp_path):
    root = tmp_path / "data"
    write_waymo(root, waymo_truth())
    words = f"eval-pose --dataset waymo --root {root} --weights tiny --out {tmp_path}/scores"
    result = CliRunner().invoke(app, [*words.split(), "--device", "cpu"])
    assert result.exit_code == 1 and "its pictures lie within segment-" in result.stderr
