import struct

import numpy as np
import pytest
from dataset_layouts import write_cam, write_dpt, write_sintel
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.sets.rendered.sintel import read_cam, read_dpt


def test_the_bytes_of_a_depth_map(tmp_path):
    path = write_dpt(tmp_path / "a.dpt", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 0.5]], np.float32))
    # The tag spells PIEH; 3 columns and 2 rows; row after row.
    expected = b"PIEH\x03\0\0\0\x02\0\0\0" + struct.pack("<6f", 1, 2, 3, 4, 5, 0.5)
    assert path.read_bytes() == expected
    depth = read_dpt(path)
    np.testing.assert_array_equal(depth, [[1, 2, 3], [4, 5, 0.5]])
    depth[0, 0] = 7  # a copy, which can be changed


def test_the_bytes_of_a_camera(tmp_path):
    k, pose = np.arange(9.0).reshape(3, 3), np.arange(9.0, 21.0).reshape(3, 4)
    path = write_cam(tmp_path / "a.cam", k, pose)
    assert path.read_bytes() == b"PIEH" + struct.pack("<21d", *range(21))
    read_k, read_pose = read_cam(path)
    np.testing.assert_array_equal(read_k, k)
    np.testing.assert_array_equal(read_pose, pose)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a\.dpt has 0 bytes; expected at least 12"),
        (struct.pack("<fii", 202021.5, 1, 1), r"a\.dpt begins with 20202\d.*begins with 202021.25"),
        (struct.pack(">fii4f", 202021.25, 2, 2, *range(4)), "begins with"),
        (struct.pack("<fii3f", 202021.25, 2, 2, *range(3)), "says 2×2 pixels and has 24 bytes"),
        (struct.pack("<fii5f", 202021.25, 2, 2, *range(5)), "says 2×2 pixels and has 32 bytes"),
        (struct.pack("<fii", 202021.25, -1, 0), "says -1×0 pixels"),
    ],
)
def test_depth_of_another_format_is_refused(tmp_path, data, message):
    (tmp_path / "a.dpt").write_bytes(data)
    with pytest.raises(DatasetError, match=message):
        read_dpt(tmp_path / "a.dpt")


@pytest.mark.parametrize("size", [100, 171, 173])
def test_a_camera_of_another_size_is_refused(tmp_path, size):
    path = write_cam(tmp_path / "a.cam", np.eye(3), np.eye(4)[:3])
    path.write_bytes((path.read_bytes() + b"\0")[:size])
    with pytest.raises(DatasetError, match=rf"a\.cam has {size} bytes; expected .*172"):
        read_cam(path)
    with pytest.raises(DatasetError, match=r"b\.cam: No such file"):
        read_cam(tmp_path / "b.cam")


def test_intrinsics_are_those_of_each_frame(tmp_path):
    truth = exact_truth()
    write_sintel(tmp_path, truth)
    sequence = find_sequences(Dataset.SINTEL, tmp_path)[0].read()
    assert sequence.intrinsics.shape == (4, 3, 3)
    np.testing.assert_array_equal(sequence.intrinsics_of(3), truth.intrinsics)


def test_the_archives_are_read_as_they_unpack(tmp_path):
    truth = exact_truth()
    folder = write_sintel(tmp_path, truth, archives=True)
    (found,) = find_sequences(Dataset.SINTEL, tmp_path)
    assert found.folder == folder
    sequence = found.read()
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world)
    np.testing.assert_array_equal(sequence.read_depth(2), truth.depth_m[2])


def test_final_is_taken_before_clean(tmp_path):
    for quality in ("clean", "final"):
        write_sintel(tmp_path, exact_truth(), quality=quality)
    (only,) = find_sequences(Dataset.SINTEL, tmp_path)
    assert (only.layout, only.folder) == ("final", tmp_path / "training/final/alley_2")
    (only,) = find_sequences(Dataset.SINTEL, tmp_path, "clean")
    assert only.folder == tmp_path / "training/clean/alley_2"


def test_says_what_is_not_there(tmp_path):
    folder = write_sintel(tmp_path, exact_truth())
    (found,) = find_sequences(Dataset.SINTEL, tmp_path)
    (tmp_path / "training/depth/alley_2/frame_0003.dpt").unlink()
    with pytest.raises(DatasetError, match=r"frame_0003\.dpt does not exist \(1 of 4 such files"):
        found.read()
    for kind, what in (("depth", "depth"), ("camdata_left", "cameras")):
        (tmp_path / "training" / kind).rename(tmp_path / kind)
        notes = found.read().notes
        assert f"no {what}: {tmp_path / 'training' / kind / 'alley_2'} does not exist" in notes
    assert found.read().T_camera_world is None and found.read().read_depth is None
    assert len(found.read()) == len(list(folder.iterdir()))
