"""Pictures to a video that browsers and editors play."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from math import isfinite
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import FrameInfo, UInt8Array
from page4d_cli.io.whole.writing import writing

RATE_WITHOUT_TIME = 10.0
RATE_LIMITS = (1.0, 60.0)
_X264 = {"crf": "20", "preset": "veryfast", "x264-params": "mbtree=0"}
"""With its macroblock tree, libx264 makes other bytes of the same pictures from call to call."""
_BT601 = 6  # "smpte170m" of H.273: the matrix by which PyAV turns RGB into YUV


def write_video(path: Path, frames: Iterable[UInt8Array], frame_rate: float) -> None:
    """Write an H.264 mp4 (yuv420p, faststart).

    Args:
        path: the file, replaced if it is there; it should end in .mp4.
        frames: (H, W, 3) RGB each, all of one size; taken one at a time. An odd side gets a black
            line more.
        frame_rate: frames a second.

    Raises:
        ValueError: no frames, or a frame rate that is not positive.
        WriteError: the file cannot be written.
    """
    if not (isfinite(frame_rate) and frame_rate > 0):
        raise ValueError(f"frame_rate is {frame_rate}, expected a positive number")
    with writing(path):
        _encode(path, frames, Fraction(frame_rate).limit_denominator(100_000))


def playback_rate(infos: Sequence[FrameInfo], timestamp_source: TimestampSource) -> float:
    """Frames a second of a clip, within what players show well."""
    if timestamp_source is TimestampSource.INDEX or len(infos) < 2:
        return RATE_WITHOUT_TIME
    steps_s = np.diff([info.timestamp_s for info in infos])
    period_s = float(np.median(np.abs(steps_s)))  # a clip may run backwards
    return float(np.clip(1 / max(period_s, 1e-6), *RATE_LIMITS))


def source_rate(infos: Sequence[FrameInfo], timestamp_source: TimestampSource) -> float:
    """Frames a second of the source that the frames were chosen from, by their indices."""
    if timestamp_source is TimestampSource.INDEX or len(infos) < 2:
        return RATE_WITHOUT_TIME
    steps = np.abs(np.diff([info.index for info in infos]))
    seconds = np.abs(np.diff([info.timestamp_s for info in infos]))
    return round(float(np.median(steps / np.maximum(seconds, 1e-6))), 3)


def _encode(path: Path, frames: Iterable[UInt8Array], rate: Fraction) -> None:
    import av

    even = map(_padded, frames)
    first = next(even, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=dict(_X264))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = _BT601
        for frame in chain([first], even):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _padded(frame: UInt8Array) -> UInt8Array:
    """To even sides, which yuv420p needs."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))
