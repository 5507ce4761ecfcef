import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import RunError, WriteError
from page4d_cli.io.formats.png import (
    read_depth_png,
    read_motion_png,
    scale_for,
    write_depth_png,
    write_motion_png,
)


@pytest.mark.parametrize("deepest", [1e-3, 0.7, 5.0, 81.92, 1e5])
def test_quantisation_is_at_most_half_a_step(tmp_path, deepest):
    depth = np.random.default_rng(0).uniform(0, deepest, (23, 31)).astype(np.float32)
    depth[0, 0] = deepest
    scale = scale_for(float(depth.max()))
    write_depth_png(tmp_path / "d.png", depth, scale)
    read = read_depth_png(tmp_path / "d.png", scale)
    assert read.dtype == np.float32
    error = np.abs(read.astype(np.float64) - depth)
    assert (error <= 0.5 / scale + np.spacing(depth)).all()  # spacing: what is read is float32
    assert read[0, 0] == pytest.approx(deepest, rel=1e-6)


def test_the_deepest_value_is_65535(tmp_path):
    write_depth_png(tmp_path / "d.png", np.array([[3.7, 1.85]], np.float32), scale_for(3.7))
    with Image.open(tmp_path / "d.png") as picture:
        assert picture.mode == "I;16"
        assert np.asarray(picture).tolist() == [[65535, 32768]]


def test_what_is_no_depth_becomes_zero(tmp_path):
    depth = np.array([[np.nan, np.inf, -np.inf], [-1, 0, 65536 / 1000]], np.float32)
    write_depth_png(tmp_path / "d.png", depth, 1000)
    assert (read_depth_png(tmp_path / "d.png", 1000) == 0).all()


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf])
def test_scale_for_wants_a_positive_number(bad):
    with pytest.raises(ValueError, match="max_depth"):
        scale_for(bad)


def test_files_that_are_no_depth(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "rgb.png")
    with pytest.raises(RunError, match=r"rgb.png is a picture of mode RGB; expected a 16-bit grey"):
        read_depth_png(tmp_path / "rgb.png", 1)
    with pytest.raises(RunError, match=r"absent.png: No such file"):
        read_depth_png(tmp_path / "absent.png", 1)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(RunError, match=r"text.png: it is damaged or no picture"):
        read_depth_png(tmp_path / "text.png", 1)


def test_a_truncated_file_is_damaged(tmp_path):
    path = tmp_path / "d.png"
    write_depth_png(path, np.random.default_rng(0).uniform(0, 9, (64, 64)), scale_for(9))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(RunError, match="damaged"):
        read_depth_png(path, 1)


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file or directory"):
        write_depth_png(tmp_path / "no" / "d.png", np.ones((2, 2), np.float32), 1)


def test_motion_is_read_within_half_a_step(tmp_path):
    score = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    score[0, :2] = 0, 1
    write_motion_png(tmp_path / "a.png", score)
    again = read_motion_png(tmp_path / "a.png")
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, score, atol=0.5 / 255 + 1e-7)
    assert (again[0, :2] == [0, 1]).all()


def test_motion_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"a\.png: No such file"):
        read_motion_png(tmp_path / "a.png")
    with pytest.raises(WriteError, match=r"a\.png"):
        write_motion_png(tmp_path / "no" / "a.png", np.zeros((2, 2), np.float32))
