import numpy as np
import pytest
from ply_file import read_ply

from page4d_cli.core.errors import WriteError
from page4d_cli.io.formats.ply import write_ply


def cloud(count):
    rng = np.random.default_rng(count)
    points = rng.normal(size=(count, 3)).astype(np.float32)
    return points, rng.integers(0, 256, (count, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_read_of_write_is_identity(tmp_path, count):
    points, colors = cloud(count)
    write_ply(tmp_path / "c.ply", points, colors)
    read_points, read_colors = read_ply(tmp_path / "c.ply")
    np.testing.assert_array_equal(read_points, points)
    np.testing.assert_array_equal(read_colors, colors)


def test_views_with_strides_are_taken(tmp_path):
    points, colors = cloud(100)
    write_ply(tmp_path / "c.ply", points[::-3], colors[::-3])
    np.testing.assert_array_equal(read_ply(tmp_path / "c.ply")[0], points[::-3])


def test_the_layout_is_fifteen_bytes_a_point(tmp_path):
    write_ply(
        tmp_path / "c.ply", np.array([[1, 2, 3]], np.float32), np.array([[4, 5, 6]], np.uint8)
    )
    header, body = (tmp_path / "c.ply").read_bytes().split(b"end_header\n")
    assert body == np.array([1, 2, 3], "<f4").tobytes() + bytes([4, 5, 6])
    assert b"element vertex 1\n" in header
    assert b"unit: relative" in header


def test_open3d_reads_the_same_points(tmp_path):
    try:
        import open3d
    except (ImportError, OSError) as error:  # its wheel needs system libraries
        pytest.skip(f"open3d does not import: {error}")
    points, colors = cloud(100)
    write_ply(tmp_path / "c.ply", points, colors)
    read = open3d.io.read_point_cloud(str(tmp_path / "c.ply"))
    np.testing.assert_array_equal(np.asarray(read.points), points)
    np.testing.assert_array_equal(np.rint(np.asarray(read.colors) * 255), colors)


def test_arrays_that_make_no_cloud(tmp_path):
    points, colors = cloud(4)
    with pytest.raises(ValueError, match=r"\(4, 3\) and colors \(3, 3\)"):
        write_ply(tmp_path / "c.ply", points, colors[:3])
    points[2, 1] = np.inf
    with pytest.raises(ValueError, match="leave those points out"):
        write_ply(tmp_path / "c.ply", points, colors)
    assert not (tmp_path / "c.ply").exists()


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file or directory"):
        write_ply(tmp_path / "no" / "c.ply", *cloud(1))
