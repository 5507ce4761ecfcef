import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.types import FrameInfo, Frames, PixelTransform, Prediction

TRANSFORM = PixelTransform(
    (640, 480), (518, 392), (518 / 640, 392 / 480), (0, -3), (0, 0, 518, 392)
)


def frames(count=2, height=28, width=42):
    infos = tuple(FrameInfo(f"{i}", f"{i}.png", i, float(i), TRANSFORM) for i in range(count))
    images = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)
    return Frames(images, infos, TimestampSource.INDEX)


@given(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)))
def test_pixels_there_and_back(pixel):
    back = TRANSFORM.to_source(TRANSFORM.to_network(np.array(pixel)))
    np.testing.assert_allclose(back, pixel, atol=1e-9)


def test_corners_meet_corners():
    """The outer edges of the source's pixels are those of the network's, shifted by the offset."""
    edges = np.array([[-0.5, -0.5], [639.5, 479.5]])
    np.testing.assert_allclose(TRANSFORM.to_network(edges), [[-0.5, -3.5], [517.5, 388.5]])


def test_intrinsics_project_to_the_same_source_pixel():
    k = np.array([[400.0, 0, 259], [0, 410.0, 196], [0, 0, 1]])
    point = np.array([0.3, -0.2, 2.0])
    network = (k @ point)[:2] / point[2]
    source = (TRANSFORM.intrinsics_to_source(k) @ point)[:2] / point[2]
    np.testing.assert_allclose(source, TRANSFORM.to_source(network))


def test_padding_is_cut_or_blanked_and_the_map_stays():
    transform = PixelTransform((4, 2), (6, 5), (1, 1), (1, 2), (1, 2, 5, 4))
    map_ = np.arange(30, dtype=np.float32).reshape(5, 6)
    content = transform.crop(map_)
    assert content.shape == (2, 4) and content[0, 0] == 13
    blank = transform.without_padding(map_)
    np.testing.assert_array_equal(transform.crop(blank), content)
    assert np.isfinite(blank).sum() == 8 and np.isfinite(map_).all()
    assert transform.crop(np.zeros((5, 6, 3))).shape == (2, 4, 3)


def test_what_the_network_saw_of_a_map_of_any_size():
    cropped = PixelTransform((100, 200), (50, 60), (0.5, 0.5), (0, -20), (0, 0, 50, 60))
    assert cropped.seen((200, 100)) == (slice(40, 160), slice(0, 100))
    assert cropped.seen((50, 25)) == (slice(10, 40), slice(0, 25))
    padded = PixelTransform((100, 50), (50, 50), (0.5, 0.5), (0, 12), (0, 12, 50, 37))
    assert padded.seen((50, 100)) == (slice(0, 50), slice(0, 100))


def test_maps_of_the_source_s_pixels_show_the_same():
    cropped = PixelTransform((100, 200), (50, 60), (0.5, 0.5), (0, -20), (0, 0, 50, 60))
    own = cropped.for_source_maps()
    assert own.crop(np.zeros((200, 100))).shape == (120, 100) and own.content == (0, 40, 100, 160)
    pixels = np.array([[3.0, 50], [99, 159]])
    np.testing.assert_array_equal(own.to_source(pixels), pixels)
    shown = to_source_pixels(np.ones((60, 50), np.float32), cropped)
    assert own.crop(shown).all() and shown.sum() == 120 * 100


def test_a_label_says_when_only_if_that_is_known():
    info = FrameInfo("a", "a.png", 12, 0.5, TRANSFORM)
    assert info.label(TimestampSource.PTS) == "frame 12, 0.500 s"
    assert info.label(TimestampSource.INDEX) == "frame 12"


def test_float_pictures_are_the_bytes_over_255():
    clip = frames()
    as_float = clip.as_float()
    assert as_float.shape == (2, 3, 28, 42)
    np.testing.assert_array_equal(as_float[1, 2], clip.images[1, ..., 2].astype(np.float32) / 255)


def test_shapes_are_checked_where_they_enter():
    with pytest.raises(ValueError, match=r"depth has shape \(2, 28, 41\), expected \(2, 28, 42\)"):
        Prediction(frames(), depth=np.zeros((2, 28, 41), np.float32))
    with pytest.raises(ValueError, match="2 infos for 1 images"):
        Frames(frames(1).images, frames(2).infos, TimestampSource.INDEX)
