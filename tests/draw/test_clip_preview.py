import numpy as np
import pytest

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.draw.clip_preview import clip_preview
from page4d_cli.draw.colormaps import CONFIDENCE, DEPTH, NON_FINITE_RGB, colorise

SIDE = 320


def infos(times, content=(0, 0, SIDE, SIDE)):
    size = (content[2] - content[0], content[3] - content[1])
    transform = PixelTransform(size, (SIDE, SIDE), (1.0, 1.0), (content[0], content[1]), content)
    return [
        FrameInfo(f"{index:03d}", f"{index:03d}.png", index, time, transform)
        for index, time in enumerate(times)
    ]


def preview(depth, infos, source=TimestampSource.PTS, **more):
    images = np.full((len(depth), SIDE, SIDE, 3), 90, np.uint8)
    return np.stack(list(clip_preview(images, depth, infos, source, **more))).astype(int)


def test_one_scale_holds_for_all_frames():
    depth = np.ones((3, SIDE, SIDE), np.float32)
    depth[1], depth[2] = 2, 4
    depth[:, 0, :8] = 1e6  # the percentiles leave out what few pixels say
    pictures = preview(depth, infos([0, 0.1, 0.2]))
    expected = colorise(1 / np.array([[1.0, 2.0, 4.0]]), 1 / 4, 1, DEPTH)[0].astype(int)
    assert np.abs(pictures[:, 160, SIDE + 160] - expected).max() == 0


def test_padding_is_blank_and_sets_no_scale():
    depth = np.full((1, SIDE, SIDE), 100, np.float32)
    depth[:, :, 80:160], depth[:, :, 160:240] = 1, 2
    confidence = depth + 1
    pictures = preview(depth, infos([0], (80, 0, 240, SIDE)), confidence=confidence)
    row = pictures[0, 160]
    near, far = colorise(1 / np.array([[1.0, 2.0]]), 0.5, 1, DEPTH)[0].astype(int)
    unsure, sure = colorise(np.array([[0.0, 1.0]]), 0, 1, CONFIDENCE)[0].astype(int)
    for column, color in ((40, NON_FINITE_RGB), (120, near), (200, far), (280, NON_FINITE_RGB)):
        assert np.abs(row[SIDE + column] - color).max() == 0
    for column, color in ((40, NON_FINITE_RGB), (120, unsure), (200, sure), (280, NON_FINITE_RGB)):
        assert np.abs(row[2 * SIDE + column] - color).max() == 0
    assert (depth[:, :, :80] == 100).all()  # the caller's maps are left alone


def test_time_stands_on_the_frames_only_where_it_is_known():
    depth = np.ones((1, SIDE, SIDE), np.float32)
    written = {
        source: preview(depth, infos([2.0]), source)[0, SIDE:, :SIDE]
        for source in (TimestampSource.PTS, TimestampSource.INDEX)
    }
    with_time, without = ((footer > 150).any(axis=(0, 2)) for footer in written.values())
    assert np.flatnonzero(with_time)[-1] > np.flatnonzero(without)[-1] + 20


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, 3e38])
def test_a_clip_without_usable_values_has_a_preview_all_the_same(value):
    depth = np.full((2, SIDE, SIDE), value, np.float32)
    pictures = preview(depth, infos([0, 1]), confidence=depth)
    assert len(pictures) == 2
