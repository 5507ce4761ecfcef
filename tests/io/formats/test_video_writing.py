import av
import numpy as np
import pytest

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.io.formats.video import playback_rate, write_video


def test_a_video_of_odd_size_comes_back_with_a_black_line(tmp_path):
    frames = [np.full((33, 41, 3), level, np.uint8) for level in (60, 120, 180)]
    write_video(tmp_path / "v.mp4", frames, 10)
    with av.open(str(tmp_path / "v.mp4")) as container:
        read = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in read] == [(34, 42, 3)] * 3
    for frame, level in zip(read, (60, 120, 180), strict=True):
        assert abs(float(frame[:32, :40].mean()) - level) < 3
        assert frame[33].mean() < 30


def test_the_same_pictures_make_the_same_file_whatever_was_in_memory(tmp_path):
    x, y = np.linspace(0, 6, 1008)[None], np.linspace(0, 3, 280)[:, None]
    noise = np.random.default_rng(0).normal(0, 6, (280, 1008, 1))
    waves = np.stack([3 * x + 2 * y * channel for channel in (1, 2, 3)], -1)
    files, held = set(), []
    for turn in range(4):
        pictures = [(127 + 80 * np.sin(waves + n / 5) + noise).astype(np.uint8) for n in range(16)]
        write_video(tmp_path / "v.mp4", (picture.copy() for picture in pictures), 10)
        files.add((tmp_path / "v.mp4").read_bytes())
        if turn % 2:
            held.append(pictures)
    assert len(files) == 1


def test_a_video_needs_frames_and_a_rate(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "v.mp4", [], 10)
    with pytest.raises(ValueError, match="expected a positive number"):
        write_video(tmp_path / "v.mp4", [np.zeros((8, 8, 3), np.uint8)], 0)


@pytest.mark.parametrize(
    ("times", "source", "rate"),
    [
        ([0, 0.04, 0.08, 0.2], TimestampSource.PTS, 25),
        ([5.0, 6000.0], TimestampSource.FILE_NAME, 1),
        ([0, 1e-9, 2e-9], TimestampSource.PTS, 60),
        ([0, 1, 2], TimestampSource.INDEX, 10),
        ([7.5], TimestampSource.PTS, 10),
        ([0.2, 0.08, 0.04, 0], TimestampSource.PTS, 25),
    ],
)
def test_a_clip_plays_at_its_own_rate(times, source, rate):
    size = (4, 4)
    transform = PixelTransform(size, size, (1.0, 1.0), (0.0, 0.0), (0, 0, *size))
    infos = [FrameInfo("a", "a.png", index, time, transform) for index, time in enumerate(times)]
    assert playback_rate(infos, source) == pytest.approx(rate)
