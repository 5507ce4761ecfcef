import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.rgbd.pairing import read_recording
from page4d_cli.data.sets.rgbd.recording import associate
from page4d_cli.data.sets.rgbd.tum import read_tum

IDENTITY = "0 0 0 0 0 0 1"


@pytest.fixture
def folder(tmp_path):
    """Three frames; the camera moves 1, 2, 3 m along x."""
    place = tmp_path / "rgbd_dataset_freiburg3_test"
    place.mkdir()
    (place / "rgb.txt").write_text("# made up\n1.00 rgb/a.png\n2.00 rgb/b.png\n3.00 rgb/c.png\n")
    (place / "depth.txt").write_text("1.03 depth/a.png\n2.01 depth/b.png\n3.00 depth/c.png\n")
    rows = [f"{time} {time} 0 0 0 0 0 1" for time in (1.01, 1.99, 3.0)]
    (place / "groundtruth.txt").write_text("\n".join(rows))
    for kind, dtype in (("rgb", np.uint8), ("depth", np.uint16)):
        (place / kind).mkdir()
        for name in "abc":
            Image.fromarray(np.full((6, 8), 250, dtype)).save(place / kind / f"{name}.png")
    return place


def test_pairs_closest_first_one_to_one():
    pairs = associate(np.array([1.0, 1.015, 9.0]), np.array([1.01, 0.99, 9.02]), 0.02)
    assert pairs == {1: 0, 0: 1}  # 1.0 yields 1.01 to the closer 1.015; 9.02 is just too far


def test_reads_complete_triples(folder):
    sequence = read_tum(folder)
    assert [path.name for path in sequence.frames] == ["a.png", "b.png", "c.png"]
    np.testing.assert_array_equal(sequence.timestamps_s, [1, 2, 3])
    np.testing.assert_allclose(invert_rigid(sequence.T_camera_world)[:, 0, 3], [1.01, 1.99, 3])
    assert sequence.read_image(0).shape == (6, 8, 3)
    np.testing.assert_allclose(sequence.read_depth(2), np.full((6, 8), 0.05))


def test_a_frame_that_lacks_depth_is_left_out_whole(folder):
    (folder / "depth.txt").write_text("1.03 depth/a.png\n2.05 depth/b.png\n3.00 depth/c.png\n")
    sequence = read_tum(folder)
    assert [path.name for path in sequence.frames] == ["a.png", "c.png"]
    np.testing.assert_allclose(sequence.T_camera_world[:, 0, 3], [-1.01, -3])
    assert "1 of 3 pictures left out: no depth" in sequence.notes


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("groundtruth.txt", f"1 {IDENTITY}\n2 0 0 0\n", r"groundtruth.txt, line 2: 4 columns"),
        ("groundtruth.txt", "# none\n", "groundtruth.txt has no rows"),
        ("groundtruth.txt", "1 0 0 nan 0 0 0 1\n", "line 1: tz is 'nan'"),
        ("groundtruth.txt", "1 0 0 0 0 0 0 0\n", "line 1: the quaternion .* length 0"),
        (
            "groundtruth.txt",
            f"500 {IDENTITY}\n",
            r"3 pictures and 1 poses, and none are within 0\.02 s",
        ),
        ("rgb.txt", "one rgb/a.png\n", "rgb.txt, line 1: timestamp is 'one'"),
        ("depth.txt", "", "depth.txt has no rows"),
    ],
)
def test_names_file_and_line(folder, file, text, message):
    (folder / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_recording(folder)


def test_names_a_missing_list(folder):
    (folder / "depth.txt").unlink()
    with pytest.raises(DatasetError, match=r"depth.txt does not exist; .*groundtruth.txt"):
        read_tum(folder)


def test_depth_must_be_16_bit(folder):
    with pytest.raises(DatasetError, match="mode L; expected a 16-bit"):
        read_depth16(folder / "rgb/a.png", 5000)
    damaged = folder / "depth/a.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(DatasetError, match=r"a\.png: it is damaged"):
        read_depth16(damaged, 5000)
