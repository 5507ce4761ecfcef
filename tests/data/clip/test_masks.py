"""Masks of what moves arrive at the pixels that they are of."""

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.data.clip.masks import read_masks
from page4d_cli.io.formats.video import write_video

NAMES = ("a", "b", "c")
RIGHT = np.repeat(np.repeat([[0, 255]], 2, 1), 4, 0).astype(np.uint8)
"""The right half of a picture of 4×4."""


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "clip").mkdir()
    for name in NAMES:
        Image.new("RGB", (112, 84), "grey").save(tmp_path / f"clip/{name}.png")
    return load_frames(tmp_path / "clip", size=56)


@pytest.fixture
def mask_folder(tmp_path):
    def make(size=(112, 84), mask=RIGHT, names=NAMES):
        (tmp_path / "masks").mkdir()
        for name in names:
            Image.fromarray(mask).resize(size, Image.Resampling.NEAREST).save(
                tmp_path / f"masks/{name}.png"
            )
        return tmp_path / "masks"

    return make


@pytest.mark.parametrize("size", [(112, 84), (56, 42), (448, 336), (28, 21)])
def test_masks_of_any_size_arrive_at_the_network_s_pixels(clip, mask_folder, size):
    masks = read_masks(mask_folder(size), clip)
    assert len(masks) == 3
    for mask in masks:
        np.testing.assert_array_equal(mask, np.repeat([[0] * 28 + [255] * 28], 42, 0))


def test_a_pixel_that_moves_in_part_is_soft(clip, mask_folder):
    mask = np.zeros((84, 112), np.uint8)
    mask[:, 1::2] = 255
    assert set(np.unique(read_masks(mask_folder(mask=mask), clip)[0])) <= {127, 128}


@pytest.mark.usefixtures("clip")
def test_padding_stands_still(tmp_path, mask_folder):
    padded = load_frames(tmp_path / "clip", size=56, fit="pad")
    mask = read_masks(mask_folder(mask=np.full((4, 4), 255, np.uint8)), padded)[0]
    left, top, right, bottom = padded.infos[0].transform.content
    assert (mask[top:bottom, left:right] == 255).all()
    assert mask.sum() == 255 * (bottom - top) * (right - left) < 255 * mask.size


def test_frames_that_were_chosen_get_theirs_out_of_a_video(tmp_path, clip):
    shades = [np.full((84, 112, 3), 255 * (index % 2), np.uint8) for index in range(3)]
    write_video(tmp_path / "masks.mp4", shades, 10)
    means = [mask.mean() for mask in read_masks(tmp_path / "masks.mp4", clip)]
    np.testing.assert_allclose(means, [0, 255, 0], atol=10)
    second = read_masks(tmp_path / "masks.mp4", clip.part(slice(1, 2)))
    assert [mask.mean() > 245 for mask in second] == [True]
    write_video(tmp_path / "short.mp4", shades[:2], 10)
    with pytest.raises(FramesError, match=r"short\.mp4: it ends before frame 2"):
        read_masks(tmp_path / "short.mp4", clip)


def test_a_frame_without_a_mask_is_named(clip, mask_folder):
    with pytest.raises(FramesError, match=r"none for frame b \(and for 1 more of 3\)"):
        read_masks(mask_folder(names=("a", "d")), clip)


def test_masks_of_another_shape_are_refused(clip, mask_folder):
    with pytest.raises(FramesError, match=r"frame a is of 112×112, its picture of 112×84"):
        read_masks(mask_folder((112, 112)), clip)


def test_masks_that_are_nowhere_white_are_refused_and_black_ones_taken(clip, mask_folder):
    folder = mask_folder(mask=RIGHT // 255)
    with pytest.raises(FramesError, match="the brightest pixel of all is 1 of 255"):
        read_masks(folder, clip)
    for name in NAMES:
        Image.new("L", (112, 84)).save(folder / f"{name}.png")
    assert not np.any(read_masks(folder, clip)[0])
