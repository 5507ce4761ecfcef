import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Precision
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.model.weights import load_model


@pytest.fixture
def model():
    """The small random network, fresh for each test, in fp32 so that results can be compared."""
    return load_model("random", device="cpu", precision=Precision.FP32)


@pytest.fixture
def picture_folder(tmp_path):
    """Make a folder of noise pictures; a flat shape keeps the network's work small."""

    def make(name="clip", count=2, size=(370, 100), seed=0):
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(seed)
        for index in range(count):
            coarse = rng.integers(0, 256, (size[1] // 10, size[0] // 10, 3), np.uint8)
            picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
            picture.save(folder / f"{index:03d}.png")
        return folder

    return make


@pytest.fixture
def frames(picture_folder):
    return load_frames(picture_folder())
