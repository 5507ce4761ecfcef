import av
import numpy as np
import pytest

from page4d_cli.draw.tracks import draw_dots, draw_matches
from page4d_cli.io.formats.video import write_video


def test_a_video_of_odd_size_comes_back_with_a_black_line(tmp_path):
    frames = [np.full((33, 41, 3), level, np.uint8) for level in (60, 120, 180)]
    write_video(tmp_path / "v.mp4", frames, 10)
    with av.open(str(tmp_path / "v.mp4")) as container:
        read = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in read] == [(34, 42, 3)] * 3
    for frame, level in zip(read, (60, 120, 180), strict=True):
        assert abs(float(frame[:32, :40].mean()) - level) < 3
        assert frame[33].mean() < 30


def test_a_video_needs_frames_and_a_rate(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "v.mp4", [], 10)
    with pytest.raises(ValueError, match="expected a positive number"):
        write_video(tmp_path / "v.mp4", [np.zeros((8, 8, 3), np.uint8)], 0)


def test_dots_lie_where_the_pixels_were():
    image = np.full((48, 64, 3), 128, np.uint8)
    picture = draw_dots(image, np.array([[20.0, 30.0]]), np.array([0.0]))
    assert picture.shape == (480, 640, 3)
    red = np.argwhere((picture == [255, 0, 0]).all(-1))
    np.testing.assert_allclose(red.mean(0), [304.5, 204.5], atol=1)


def test_matches_end_in_both_pictures():
    image = np.full((500, 600, 3), 128, np.uint8)
    begin, end = np.array([[50.0, 60.0]]), np.array([[90.0, 200.0]])
    picture = draw_matches(image, image, begin, end, np.array([0.0]))
    assert picture.shape == (500, 1200, 3)
    for u, v in ((50, 60), (690, 200)):
        np.testing.assert_array_equal(picture[v, u], [255, 0, 0])
