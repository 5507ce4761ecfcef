import av
import numpy as np
import pytest

from page4d_cli.core.errors import WriteError
from page4d_cli.io.colour import NON_FINITE_RGB, colourise
from page4d_cli.io.preview import write_preview


def write(path, images, depths, **changes):
    arguments = {
        "depth_range": (1.0, 5.0),
        "labels": [f"{index:06d}" for index in range(len(images))],
        "frame_rate": 10.0,
    }
    write_preview(path, iter(images), iter(depths), **(arguments | changes))


def clip(width, height, count=3):
    images = np.full((count, height, width, 3), (40, 160, 90), np.uint8)
    return images, np.full((count, height, width), 2.0, np.float32)


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
        return stream, pictures.astype(int), [float(frame.time) for frame in frames]


@pytest.mark.parametrize(("width", "height"), [(56, 42), (56, 41), (15, 15), (1, 1), (224, 135)])
def test_every_size_makes_an_even_playable_video(tmp_path, width, height):
    write(tmp_path / "p.mp4", *clip(width, height))
    stream, pictures, times = read(tmp_path / "p.mp4")
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert pictures.shape[0] == 3
    assert pictures.shape[1] % 2 == 0
    assert pictures.shape[2] == 2 * width
    assert times == pytest.approx([0, 0.1, 0.2])


def test_faststart_puts_the_index_first(tmp_path):
    write(tmp_path / "p.mp4", *clip(56, 42))
    content = (tmp_path / "p.mp4").read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_colour_is_left_and_inverse_depth_right(tmp_path):
    images, depths = clip(64, 64)
    depths[:, :, 32:] = 5.0
    write(tmp_path / "p.mp4", images, depths)
    picture = read(tmp_path / "p.mp4")[1][1]
    expected = colourise(1 / np.array([[2.0, 5.0]]), 1 / 5, 1 / 1)[0].astype(int)
    assert np.abs(picture[32, 32] - (40, 160, 90)).max() < 12
    assert np.abs(picture[32, 64 + 16] - expected[0]).max() < 12
    assert np.abs(picture[32, 64 + 48] - expected[1]).max() < 12


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -3.0])
def test_what_is_no_depth_is_grey(tmp_path, bad):
    images, depths = clip(64, 64)
    depths[:] = bad
    write(tmp_path / "p.mp4", images, depths)
    assert np.abs(read(tmp_path / "p.mp4")[1][0, 32, 96] - NON_FINITE_RGB).max() < 8


def test_large_pictures_get_a_footer_with_label_and_bar(tmp_path):
    write(tmp_path / "p.mp4", *clip(224, 100))
    footer = read(tmp_path / "p.mp4")[1][1, 100:]
    assert footer.shape[0] >= 20
    text, bar = footer[:, :224], footer[:, 224:]
    assert text.max() > 180  # letters
    assert np.abs(text[..., 0] - text[..., 2]).max() < 25  # without hue
    assert (bar.max(axis=-1) - bar.min(axis=-1)).max() > 100  # colours


def test_the_label_changes_from_frame_to_frame(tmp_path):
    images, depths = clip(224, 60, 2)
    write(tmp_path / "p.mp4", images, depths, labels=["000000", "999999 " * 30])
    pictures = read(tmp_path / "p.mp4")[1]
    assert np.abs(pictures[0, 60:, :224] - pictures[1, 60:, :224]).max() > 100
    assert pictures[1, 60:, 219:223].max() < 80  # cut before it reaches the other pane


@pytest.mark.parametrize("label", ["", "名前 é \udcff", "two\nlines"])
def test_any_label_is_taken(tmp_path, label):
    write(tmp_path / "p.mp4", *clip(224, 60, 1), labels=[label])
    assert len(read(tmp_path / "p.mp4")[1]) == 1


@pytest.mark.parametrize("depth_range", [(-2.0, 5.0), (-5.0, -1.0), (0.0, 1.0), (1e-30, 1e30)])
def test_the_range_of_a_poor_prediction_is_survived(tmp_path, depth_range):
    write(tmp_path / "p.mp4", *clip(224, 60, 1), depth_range=depth_range)
    assert len(read(tmp_path / "p.mp4")[1]) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth_range": (5.0, 5.0)}, "near < far"),
        ({"frame_rate": 0.0}, "frame_rate"),
        ({"frame_rate": float("nan")}, "frame_rate"),
        ({"labels": ["only one"]}, "shorter"),
    ],
)
def test_arguments_that_make_no_sense(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        write(tmp_path / "p.mp4", *clip(56, 42), **changes)


def test_sizes_must_agree_and_frames_must_be_there(tmp_path):
    images, depths = clip(56, 42)
    with pytest.raises(ValueError, match=r"depth \(41, 56\)"):
        write(tmp_path / "p.mp4", images, depths[:, :41])
    with pytest.raises(ValueError, match="at least one frame"):
        write(tmp_path / "p.mp4", images[:0], depths[:0])


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="No such file or directory"):
        write(tmp_path / "no" / "p.mp4", *clip(56, 42))
