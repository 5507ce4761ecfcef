"""Frames of videos: order, true times, orientation, damage."""

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.video import VideoFrame, _number, has_video, iter_frames

Writer = Callable[..., Path]

VARIABLE_MS = [0, 40, 100, 110, 300, 1000]


def times(path: Path) -> list[float | None]:
    return [frame.timestamp_s for frame in iter_frames(path) if isinstance(frame, VideoFrame)]


@pytest.mark.parametrize("extension", ["mp4", "mkv", "mov"])
def test_variable_frame_rate_keeps_its_times(
    tmp_path: Path, write_video: Writer, extension: str
) -> None:
    path = write_video(tmp_path / f"vfr.{extension}", VARIABLE_MS)
    assert times(path) == pytest.approx([ms / 1000 for ms in VARIABLE_MS], abs=1e-9)


def test_pixels_and_order(tmp_path: Path, write_video: Writer) -> None:
    path = write_video(tmp_path / "a:b ü.mp4", range(0, 800, 40))
    frames = list(iter_frames(path))
    assert [frame.index for frame in frames] == list(range(20))
    for frame in frames:
        rgb = frame.rgb()
        assert rgb.shape == (48, 64, 3)
        assert rgb.dtype == np.uint8
        assert np.abs(rgb.astype(int) - 8 * frame.index).max() <= 3


def test_all_turns_and_mirrorings_are_undone(tmp_path: Path, write_video: Writer) -> None:
    """Each of the 8 display matrices, against its definition (x', y') = (x, y) · M."""
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:16, :32] = 250  # one bright mark, off every axis of symmetry
    stored[16:32, :16] = 120
    unit = 1 << 16
    for first, x_sign, y_sign in itertools.product("xy", (unit, -unit), (unit, -unit)):
        rows = [(x_sign, 0), (0, y_sign)] if first == "x" else [(0, y_sign), (x_sign, 0)]
        matrix = [*rows[0], 0, *rows[1], 0, 0, 0, 1 << 30]
        path = write_video(tmp_path / "turned.mp4", [0], [stored], matrix)
        shown = next(iter_frames(path)).rgb()
        y, x = np.indices(stored.shape[:2])
        places = np.stack([x, y], -1) @ (np.array(rows) // unit)
        places -= places.min((0, 1))
        expected = np.zeros_like(shown)
        assert expected.shape[:2] == (tuple(places.max((0, 1)) + 1))[::-1]
        expected[places[..., 1], places[..., 0]] = stored
        assert np.abs(shown.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_equals_a_quarter_turn_counter_clockwise(
    tmp_path: Path, write_video: Writer, degrees: int
) -> None:
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:16, :32] = 250
    path = write_video(tmp_path / "plain.mp4", [0], [stored])
    turned = tmp_path / "turned.mp4"
    with av.open(str(path)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    plain = next(iter_frames(path)).rgb()
    assert np.array_equal(next(iter_frames(turned)).rgb(), np.rot90(plain, degrees // 90))


def test_missing_and_repeated_times_are_mended() -> None:
    def mended(*stored: float | None) -> list[float | None]:
        stream = SimpleNamespace(average_rate=10, guessed_rate=None, sample_aspect_ratio=None)
        pictures = [SimpleNamespace(time=time) for time in stored]
        return [frame.timestamp_s for frame in _number(iter(pictures), stream)]  # type: ignore

    assert mended(0.5, 0.7, 0.7, None, 2.0) == pytest.approx([0.5, 0.7, 0.8, 0.9, 2.0])
    assert mended(1.0, 0.2, 0.4) == pytest.approx([1.0, 1.1, 1.2])
    assert mended(None, 0.1, 0.2) == [None, None, None]


def test_a_stream_without_times_has_none(tmp_path: Path, write_video: Writer) -> None:
    assert times(write_video(tmp_path / "raw.h264", [0, 40, 80])) == [None] * 3


def test_a_file_cut_off_names_itself_and_the_place(tmp_path: Path, write_video: Writer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3)).astype(np.uint8)
    path = write_video(tmp_path / "cut.mp4", range(0, 1200, 40), noise, faststart=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    items = list(iter_frames(path))
    errors = [item for item in items if isinstance(item, FramesError)]
    assert errors
    assert all("cut.mp4 is damaged or cut off at 0." in str(error) for error in errors)
    assert 10 <= sum(isinstance(item, VideoFrame) for item in items) < 30


def test_what_is_no_video_says_so(tmp_path: Path, write_video: Writer) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello " * 100)
    whole = write_video(tmp_path / "whole.mp4", [0, 40]).read_bytes()
    (tmp_path / "headless.mp4").write_bytes(whole[:-900])  # its index is at the end
    (tmp_path / "lossy.mp4").write_bytes(whole[:-400])
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 64), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with av.open(str(tmp_path / "none.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    for name, message in (
        ("gone.mp4", "No such file"),
        ("empty.mp4", "it is empty"),
        ("text.mp4", "cannot be read as a video"),
        ("headless.mp4", "cannot be read as a video"),
        ("sound.wav", r"has no video stream \(streams in it: audio\)"),
        ("lossy.mp4", "no frame can be decoded"),
        ("none.mkv", "cannot be read as a video"),
    ):
        with pytest.raises(FramesError, match=rf"{name} .*{message}"):
            list(iter_frames(tmp_path / name))
        assert has_video(tmp_path / name) == (name == "lossy.mp4")


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    from av.stream import Disposition

    path = tmp_path / "song.mka"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
        container.mux(cover.encode(picture))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(FramesError, match=r"has no video stream"):
        list(iter_frames(path))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile real.mp4\n",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nreal.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    ],
)
def test_a_list_of_files_and_addresses_is_no_video(
    text: str, tmp_path: Path, write_video: Writer
) -> None:
    write_video(tmp_path / "real.mp4", [0, 40])
    (tmp_path / "list.mp4").write_text(text)
    assert not has_video(tmp_path / "list.mp4")
    with pytest.raises(FramesError, match="cannot be read as a video"):
        list(iter_frames(tmp_path / "list.mp4"))
