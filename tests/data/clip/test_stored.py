from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Fit
from page4d_cli.data.clip import frames as module
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.data.clip.frames import load_clip, load_frames
from page4d_cli.data.clip.preprocess import fit_image
from page4d_cli.data.clip.stored import PictureStore

SIZES = [(70, 42), (42, 70), (60, 60)]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for index, (width, height) in enumerate(SIZES * 2):
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        picture.save(tmp_path / f"{index}.png")
    return tmp_path


def test_what_was_taken_is_given_out():
    rng = np.random.default_rng(0)
    store, taken = PictureStore(BytesIO()), []
    for width, height in SIZES:
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        taken.append(fit_image(picture, Fit.KEEP, 70))
        store.append(*taken[-1])
    pictures, transforms = store.complete()
    assert pictures.shape == (len(pictures), 70, 70, 3)
    for index, (picture, transform) in enumerate(taken):
        content = transforms[index].crop(pictures[index])
        np.testing.assert_array_equal(content, transform.crop(picture))
        white = np.count_nonzero(pictures[index] != 255)
        assert white == np.count_nonzero(picture != 255)
    np.testing.assert_array_equal(pictures[1:], np.stack(list(pictures))[1:])
    np.testing.assert_array_equal(pictures[-1], pictures[2])
    with pytest.raises(IndexError):
        pictures[3]


def test_a_clip_in_a_file_is_the_clip_in_memory(folder):
    choice = FrameChoice(stride=2)
    held = load_frames(folder, size=70, stride=2)
    stored = load_clip(folder, choice, 70, BytesIO())
    np.testing.assert_array_equal(stored.images, held.images)
    assert replace(stored, images=held.images) == held
    part = stored.part(slice(1, 3))
    np.testing.assert_array_equal(part.images, held.images[1:3])
    assert part.infos == held.infos[1:3]


def test_every_picture_is_read_once_and_few_are_ahead(folder, monkeypatch):
    monkeypatch.setattr(module, "_MAX_READERS", 1)
    read, read_picture = [], module.read_picture
    monkeypatch.setattr(
        module, "read_picture", lambda path: read.append(path) or read_picture(path)
    )
    results = module._read_all(sorted(folder.iterdir()), lambda path, *_: path)
    next(results)
    results.close()
    assert len(read) <= 3  # of 6
    read.clear()
    frames = load_clip(folder, FrameChoice(), 70, BytesIO())
    np.asarray(frames.images), frames.images[3], list(frames.images)
    assert len(read) == len(frames)
