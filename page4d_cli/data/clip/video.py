"""Decode the frames of a video, upright and with the time stamps that the file stores."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import FramesError
from page4d_cli.core.paths import require_file
from page4d_cli.core.types import UInt8Array

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame as Picture
    from av.video.stream import VideoStream

# fmt: off
VIDEO_EXTENSIONS = frozenset({
    ".3gp", ".avi", ".flv", ".gif", ".h264", ".m2ts", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on
_CONTAINERS = (
    "apng,asf,av1,avi,dv,flv,gif,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mxf,"
    "nut,obu,ogg,rm,vc1,webm,wtv,yuv4mpegpipe,aac,aiff,flac,mp3,wav"
)
"""ffmpeg's names of formats that hold pictures or sound themselves. Others are lists that name
files and addresses to be opened, whatever the name of the list."""


@dataclass(frozen=True)
class VideoFrame:
    """A decoded frame; its pixels are converted only when they are asked for."""

    index: int
    """Position among the frames that the video decodes to, from 0."""
    timestamp_s: float | None
    """Presentation time in seconds, strictly increasing; None if the stream stores no times."""
    picture: "Picture"
    stored_aspect: float = 1.0
    """Width of a stored pixel over its height, as it is shown."""

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel of `rgb` over its height, as it is shown: 1 for squares."""
        turned = _swaps_axes(_display_matrix(self.picture))
        return 1 / self.stored_aspect if turned else self.stored_aspect

    def rgb(self) -> UInt8Array:
        """Convert to (h, w, 3) RGB, turned and mirrored as the file's display matrix says.

        Pixels that are not square stay as they are.
        """
        rgb = cast(UInt8Array, self.picture.to_ndarray(format="rgb24"))
        return _upright(rgb, _display_matrix(self.picture))


def has_video(path: Path) -> bool:
    """Whether ffmpeg finds a video stream in a file, whatever its name."""
    import av

    try:
        with _open(path) as container:
            return _video_stream(container) is not None
    except (av.error.FFmpegError, OSError):
        return False


def iter_frames(path: Path) -> Generator[VideoFrame | FramesError, None, None]:
    """Decode a video from its beginning; damage is yielded, so that the caller may go on after it.

    A time stamp that is missing, or not after the one before it, becomes the one before it plus one
    period of the average frame rate. If the first frame has none, the clip counts as having none.

    Args:
        path: Any file that ffmpeg opens.

    Yields:
        Frames in the order of presentation, or an error that names the file and the damaged time.

    Raises:
        FramesError: The file cannot be opened, or has no video stream, or no frame in it.
    """
    import av

    count = 0
    try:
        with _open(path) as container:
            stream = _video_stream(container)
            if stream is None:
                found = ", ".join(sorted({other.type for other in container.streams})) or "none"
                raise FramesError(f"{path} has no video stream (streams in it: {found})")
            for item in _number(_decode(container, stream, path), stream):
                count += isinstance(item, VideoFrame)
                yield item
    except (av.error.FFmpegError, OSError) as error:
        reason = "it is empty" if _is_empty(path) else error.strerror
        if count == 0:
            raise FramesError(f"{path} cannot be read as a video ({reason})") from error
        yield FramesError(f"{path} is damaged or cut off after {count} frames ({reason})")
    if count == 0:
        raise FramesError(f"{path} has a video stream, but no frame can be decoded from it")


def _open(path: Path) -> "InputContainer":
    import av

    # Absolute, lest "a:b.mp4" be taken for a protocol.
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    return av.open(str(require_file(path).absolute()), options=options)


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0


def _video_stream(container: "InputContainer") -> "VideoStream | None":
    """The first video stream that is not the cover picture of an audio file."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def _decode(
    container: "InputContainer", stream: "VideoStream", path: Path
) -> "Iterator[Picture | FramesError]":
    import av

    if stream.codec_context is None:
        return  # nothing decodes it, and PyAV before 18 would crash on trying
    stream.thread_type = "AUTO"
    for packet in container.demux(stream):
        try:
            if not packet.is_corrupt:
                yield from packet.decode()
                continue
        except av.error.FFmpegError:
            pass
        at = "" if packet.pts is None else f" at {packet.pts * float(stream.time_base or 0):.2f} s"
        yield FramesError(f"{path} is damaged or cut off{at}")


def _number(
    pictures: "Iterator[Picture | FramesError]", stream: "VideoStream"
) -> Iterator[VideoFrame | FramesError]:
    """Count the frames and mend their time stamps."""
    rate = stream.average_rate or stream.guessed_rate or 25
    aspect = float(stream.sample_aspect_ratio or 1)
    index = 0
    previous_s: float | None = None
    for picture in pictures:
        if isinstance(picture, FramesError):
            yield picture
            continue
        timestamp_s: float | None = picture.time
        if index > 0 and previous_s is None:
            timestamp_s = None
        elif previous_s is not None and (timestamp_s is None or timestamp_s <= previous_s):
            timestamp_s = previous_s + float(1 / rate)
        yield VideoFrame(index, timestamp_s, picture, aspect)
        index, previous_s = index + 1, timestamp_s


def _display_matrix(picture: "Picture") -> NDArray[np.int32] | None:
    """(3, 3) matrix M of the file with (x, y, 1) · M ~ (x', y', 1), from stored to shown pixels."""
    from av.sidedata.sidedata import SideDataContainer, Type

    side_data = cast(SideDataContainer, picture.side_data)  # its declared type is too narrow
    if Type.DISPLAYMATRIX not in side_data:
        return None
    return np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), np.int32).reshape(3, 3)


def _swaps_axes(matrix: NDArray[np.int32] | None) -> bool:
    """Whether a display matrix turns rows into columns."""
    return matrix is not None and bool(abs(int(matrix[0, 1])) > abs(int(matrix[0, 0])))


def _upright(rgb: UInt8Array, matrix: NDArray[np.int32] | None) -> UInt8Array:
    """Apply the quarter turns and mirrorings of a display matrix (other angles: the nearest)."""
    if matrix is None:
        return rgb
    (xx, xy), (yx, yy) = matrix[:2, :2].tolist()
    if _swaps_axes(matrix):
        rgb, xx, yy = rgb.swapaxes(0, 1), yx, xy
    return rgb[:: -1 if yy < 0 else 1, :: -1 if xx < 0 else 1]
