"""Writers of small pictures and videos."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

Writer = Callable[..., Path]


@pytest.fixture
def write_image() -> Writer:
    """write_image(path, size=(40, 30), value=0): one grey level, to tell frames apart by."""

    def write(path: Path, size: tuple[int, int] = (40, 30), value: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (value, value, value)).save(path)
        return path

    return write


@pytest.fixture
def write_video() -> Writer:
    """write_video(path, times_ms, pictures=None, matrix=None, faststart=False, aspect=1).

    Frames without `pictures` are grey, 8 levels brighter each: frame i reads as about 8 i.
    """

    def write(
        path: Path,
        times_ms: Sequence[int],
        pictures: Sequence[np.ndarray] | None = None,
        matrix: Sequence[int] | None = None,
        faststart: bool = False,
        codec: str = "libx264",
        aspect: Fraction = Fraction(1),
    ) -> Path:
        if pictures is None:
            pictures = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(len(times_ms))]
        options = {"movflags": "faststart"} if faststart else {}
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=30, options={"crf": "4"})
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p" if codec == "libx264" else stream.codec_context.pix_fmt
            stream.codec_context.time_base = Fraction(1, 1000)
            if aspect != 1:
                stream.codec_context.sample_aspect_ratio = aspect
            stream.set_display_matrix(matrix)
            for time_ms, picture in zip(times_ms, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
