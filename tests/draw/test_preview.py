import weakref

import av
import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import WriteError
from page4d_cli.draw.color_scale import confidence_scale, depth_scale
from page4d_cli.draw.colormaps import DEPTH, NON_FINITE_RGB, colorise
from page4d_cli.draw.preview import PANE_SIDE, MapPane, color_picture, preview_frames
from page4d_cli.io.formats.video import write_video

GREEN = (40, 160, 90)


def write(path, images, depths, confidences=None, **changes):
    panes = [MapPane(depth_scale(1.0, 5.0), iter(depths))]
    if confidences is not None:
        panes.append(MapPane(confidence_scale(1.0, 10.0), iter(confidences)))
    labels = changes.pop("labels", [f"{index:06d}" for index in range(len(images))])
    frames = preview_frames(iter(images), panes, labels)
    write_video(path, frames, changes.pop("frame_rate", 10.0))
    assert not changes


def clip(width, height, count=3):
    images = np.full((count, height, width, 3), GREEN, np.uint8)
    return images, np.full((count, height, width), 2.0, np.float32)


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        return stream, pictures.astype(int), [float(frame.time) for frame in frames]


@pytest.mark.parametrize(
    ("size", "pane"),
    [
        ((112, 84), (336, 252)),  # thrice
        ((84, 112), (320, 336)),  # thrice, and not as wide as a pane
        ((14, 518), (320, 518)),
        ((518, 294), (518, 294)),
        ((56, 41), (336, 246)),
        ((333, 15), (334, 15)),
        ((1, 1), (320, 320)),
    ],
)
def test_small_pictures_are_enlarged_and_every_size_plays(tmp_path, size, pane):
    images, depths = clip(*size)
    write(tmp_path / "p.mp4", images, depths, depths)
    stream, pictures, times = read(tmp_path / "p.mp4")
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    frames, height, width, _ = pictures.shape
    assert (frames, width) == (3, 3 * pane[0]) and pane[0] >= PANE_SIDE
    assert 28 <= height - pane[1] <= 32 and height % 2 == 0
    assert times == pytest.approx([0, 0.1, 0.2])


def test_faststart_puts_the_index_first(tmp_path):
    write(tmp_path / "p.mp4", *clip(56, 42))
    content = (tmp_path / "p.mp4").read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_color_depth_and_confidence_stand_side_by_side(tmp_path):
    images, depths = clip(64, 64)
    depths[:, :, 32:] = 5.0
    write(tmp_path / "p.mp4", images, depths, np.full_like(depths, 10**0.5))
    picture = read(tmp_path / "p.mp4")[1][1]
    near, far = colorise(1 / np.array([[2.0, 5.0]]), 1 / 5, 1 / 1, DEPTH)[0].astype(int)
    half_way = colorise(np.array([[0.5]]), 0, 1, "viridis")[0, 0].astype(int)
    for column, expected in ((160, GREEN), (320 + 80, near), (320 + 240, far), (800, half_way)):
        assert np.abs(picture[160, column] - expected).max() < 12


def test_maps_are_enlarged_without_values_in_between(tmp_path):
    """A surface between a near and a far thing would be an invention."""
    images, depths = clip(32, 32, 1)
    depths[:, :, 16:] = 5.0
    write(tmp_path / "p.mp4", images, depths)
    row = read(tmp_path / "p.mp4")[1][0, 160, 320:]
    ends = colorise(1 / np.array([[2.0, 5.0]]), 1 / 5, 1 / 1, DEPTH)[0].astype(int)
    away = np.abs(row[:, None] - ends).max(-1).min(-1)
    assert (away > 30).sum() <= 4  # what the codec smears


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -3.0])
def test_what_is_no_depth_is_grey(tmp_path, bad):
    images, depths = clip(64, 64)
    depths[:] = bad
    write(tmp_path / "p.mp4", images, depths)
    assert np.abs(read(tmp_path / "p.mp4")[1][0, 160, 480] - NON_FINITE_RGB).max() < 8


def test_the_footer_has_the_label_and_a_bar_a_map(tmp_path):
    images, depths = clip(112, 84)
    write(tmp_path / "p.mp4", images, depths, depths)
    footer = read(tmp_path / "p.mp4")[1][1, 252:]
    label, *legends = np.split(footer, 3, axis=1)
    assert label.max() > 180  # letters
    assert np.abs(label[..., 0] - label[..., 2]).max() < 25  # without hue
    for legend in legends:
        colored = (legend.max(axis=-1) - legend.min(axis=-1)).max(axis=0) > 60
        assert colored.sum() > 60  # the bar
        assert legend[:, : np.flatnonzero(colored)[0]].max() > 180  # name and left end
        assert legend[:, np.flatnonzero(colored)[-1] + 4 :].max() > 180  # right end


def test_the_label_changes_from_frame_to_frame(tmp_path):
    images, depths = clip(320, 60, 2)
    write(tmp_path / "p.mp4", images, depths, labels=["000000", "999999 " * 30])
    pictures = read(tmp_path / "p.mp4")[1]
    assert np.abs(pictures[0, 60:, :320] - pictures[1, 60:, :320]).max() > 100
    assert pictures[1, 60:, 314:319].max() < 80  # cut before it reaches the other pane


@pytest.mark.parametrize("label", ["", "名前 é \udcff", "two\nlines"])
def test_any_label_is_taken(tmp_path, label):
    write(tmp_path / "p.mp4", *clip(224, 60, 1), labels=[label])
    assert len(read(tmp_path / "p.mp4")[1]) == 1


@pytest.mark.parametrize("size", [(112, 84), (42, 61), (320, 60)])
def test_the_color_picture_can_be_taken_out_again(tmp_path, size):
    images, depths = clip(*size, 1)
    blobs = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    images[0] = Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC)
    write(tmp_path / "p.mp4", images, depths)
    frame = read(tmp_path / "p.mp4")[1][0].astype(np.uint8)
    picture = color_picture(frame, size[1], size[0])
    assert picture.shape == images[0].shape
    assert np.abs(picture.astype(int) - images[0]).mean() < 5
    with pytest.raises(ValueError, match="holds no picture of 500×700"):
        color_picture(frame, 700, 500)


def test_a_long_clip_does_not_pile_up(tmp_path):
    alive = weakref.WeakSet()
    most = 0

    class Picture(np.ndarray):
        """Can be counted; plain arrays are not hashable, and so fit into no WeakSet."""

        __hash__ = object.__hash__

    def frames(array):
        nonlocal most
        for _ in range(30):
            frame = array.copy().view(Picture)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    (image,), (depth,) = clip(56, 42, 1)
    panes = [MapPane(depth_scale(1.0, 5.0), frames(depth))]
    labels = [""] * 30
    write_video(tmp_path / "p.mp4", preview_frames(frames(image), panes, labels), 10.0)
    assert 0 < most <= 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"frame_rate": 0.0}, "frame_rate"),
        ({"frame_rate": float("nan")}, "frame_rate"),
        ({"labels": ["only one"]}, "shorter"),
    ],
)
def test_arguments_that_make_no_sense(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        write(tmp_path / "p.mp4", *clip(56, 42), **changes)


def test_sizes_and_counts_must_agree_and_frames_must_be_there(tmp_path):
    images, depths = clip(56, 42)
    with pytest.raises(ValueError, match=r"maps \{\(41, 56\)\} in a clip of \(42, 56\)"):
        write(tmp_path / "p.mp4", images, depths[:, :41])
    with pytest.raises(ValueError, match="shorter"):
        write(tmp_path / "p.mp4", images, depths, depths[:2])
    with pytest.raises(ValueError, match="at least one frame"):
        write(tmp_path / "p.mp4", images[:0], depths[:0])


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file or directory"):
        write(tmp_path / "no" / "p.mp4", *clip(56, 42))
