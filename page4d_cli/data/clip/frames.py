"""Load a clip: a folder, a pattern, a list of images or a video, as frames at network size."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Fit, TimestampSource
from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.core.types import FrameInfo, Frames, PixelTransform, UInt8Array
from page4d_cli.core.wording import count_noun
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.data.clip.depth_files import require_no_depth
from page4d_cli.data.clip.images import read_picture, room_for
from page4d_cli.data.clip.names import unique_stems
from page4d_cli.data.clip.paths import InputKind, kind_of, list_images, stamps_from_names
from page4d_cli.data.clip.preprocess import fit_image
from page4d_cli.data.clip.sampling import sample_video
from page4d_cli.data.clip.stored import PictureStore, Scratch
from page4d_cli.data.clip.video import iter_frames

_Fitted: TypeAlias = tuple[UInt8Array, PixelTransform]
_FitOne: TypeAlias = Callable[[Path, Image.Image, float], _Fitted]

_SQUARE = 1.0  # resolutions in EXIF tell printers what to do; viewers ignore them, too
_MAX_READERS = 8  # threads; more gain nothing on disks and cost memory for full-size pictures


def load_frames(
    source: str | Path | Sequence[str | Path],
    *,
    fit: Fit | str = Fit.KEEP,
    size: int = 518,
    stride: int = 1,
    fps: float | None = None,
    start: int = 0,
    max_frames: int | None = None,
    skip_bad: bool = False,
) -> Frames:
    """Load a clip and bring it to the network's size.

    Folders and patterns are taken in natural order, a list in its own. Time stamps are those of the
    video; or the stems of the images if all are decimal seconds that increase; or the index.

    Args:
        source: A folder of images, a pattern, one image, a list of image files, or one video.
        fit: How pictures are brought to the size.
        size: Length of the leading side in pixels, a multiple of 14.
        stride: Every how many frames one is taken.
        fps: Frames a second, for videos: the first frame at or after each k / fps, counted from
            frame `start`.
        start: Index of the first frame in the source.
        max_frames: Stop after so many.
        skip_bad: Leave out frames that cannot be read, and list them in `Frames.ignored`.

    Returns:
        The clip. Pictures of different shapes are padded with white to the largest.

    Raises:
        FramesError: Nothing is there, a frame cannot be read, or none is left.
        InputError: An option is out of its range.
    """
    choice = FrameChoice(
        fit=_fit_of(fit),
        stride=stride,
        fps=fps,
        start=start,
        max_frames=max_frames,
        skip_bad=skip_bad,
    )
    return choice.load(source, size)


def _fit_of(fit: Fit | str) -> Fit:
    try:
        return Fit(fit)
    except ValueError:
        allowed = ", ".join(each.value for each in Fit)
        raise InputError(f"fit {fit!r} is not one of {allowed}") from None


def load_clip(
    source: str | Path | Sequence[str | Path],
    choice: FrameChoice,
    size: int,
    scratch: Scratch | None = None,
) -> Frames:
    """Load the chosen frames, each read once; otherwise as `load_frames`.

    Args:
        source: as for `load_frames`.
        choice: which frames.
        size: as for `load_frames`.
        scratch: keeps the pictures, which are then read from it whenever they are asked for; None
            keeps them in memory. An error in a source is known before anything else is done.
    """
    clip = _read_clip(source, choice, size, scratch or BytesIO())
    return replace(clip, images=np.asarray(clip.images)) if scratch is None else clip


def _read_clip(
    source: str | Path | Sequence[str | Path], choice: FrameChoice, size: int, scratch: Scratch
) -> Frames:

    def fit_one(path: Path, picture: Image.Image, pixel_aspect: float) -> _Fitted:
        try:
            return fit_image(picture, choice.fit, size, pixel_aspect=pixel_aspect)
        except FramesError as error:
            raise FramesError(f"{path}: {error}") from error

    if not isinstance(source, str | Path):
        return _load_images([Path(path) for path in source], (), choice, fit_one, scratch)
    kind = kind_of(str(source))
    if kind is InputKind.VIDEO:
        return _load_video(Path(source), choice, fit_one, scratch)
    paths, others = (
        ([Path(source)], []) if kind is InputKind.IMAGE else list_images(str(source), kind)
    )
    return _load_images(paths, others, choice, fit_one, scratch)


@dataclass
class _Clip:
    """A clip while it is being read."""

    store: PictureStore
    infos: list[FrameInfo] = field(default_factory=list)
    errors: list[FramesError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    is_one_picture: bool = False
    """Nothing would be left without it."""

    def frames(self, timestamp_source: TimestampSource, *, skip_bad: bool) -> Frames:
        """Give the clip out, unless it has errors that may not be skipped, or nothing is left."""
        if self.errors and not (skip_bad and self.infos):
            raise FramesError(self._verdict(skip_bad=skip_bad))
        pictures, transforms = self.store.complete()
        both = zip(self.infos, transforms, strict=True)
        infos = tuple(replace(info, transform=transform) for info, transform in both)
        return Frames(pictures, infos, timestamp_source, tuple(self.ignored))

    def _verdict(self, *, skip_bad: bool) -> str:
        first, bad, count = self.errors[0], len(self.errors), len(self.errors) + len(self.infos)
        if skip_bad:
            return f"{first}; with --skip-bad, nothing is left of {count_noun(count, 'frame')}"
        if self.is_one_picture:
            return f"{first}; give another file"
        others = f" (and {bad - 1} more of {count} frames)" if bad > 1 else ""
        return f"{first}{others}; replace it, or leave bad frames out with --skip-bad"


def _load_images(
    paths: Sequence[Path],
    others: Iterable[Path],
    choice: FrameChoice,
    fit_one: _FitOne,
    scratch: Scratch,
) -> Frames:
    if choice.fps is not None:
        raise InputError(
            f"--fps {choice.fps:g} samples videos, and images have no frame rate; "
            "use --stride to take every N-th"
        )
    if not paths:
        raise FramesError("the list of images is empty; give at least one")
    indices = choice.indices(len(paths))
    if not indices:
        raise FramesError(f"--start {choice.start} is past the end: there are {len(paths)} images")
    require_no_depth([paths[index] for index in indices])
    stems, stamps_s = unique_stems(paths), stamps_from_names(paths)
    clip = _Clip(
        PictureStore(scratch),
        ignored=[str(path) for path in others],
        is_one_picture=len(indices) == 1,
    )
    with closing(_read_all([paths[index] for index in indices], fit_one)) as results:
        for index, result in zip(indices, results, strict=True):
            path = str(paths[index])
            if isinstance(result, FramesError):
                clip.errors.append(result)
                clip.ignored.append(path)
                continue
            timestamp_s = stamps_s[index] if stamps_s else float(index)
            clip.store.append(*result)
            clip.infos.append(FrameInfo(stems[index], path, index, timestamp_s, result[1]))
    timestamp_source = TimestampSource.FILE_NAME if stamps_s else TimestampSource.INDEX
    return clip.frames(timestamp_source, skip_bad=choice.skip_bad)


def _read_all(
    paths: Sequence[Path], fit_one: _FitOne
) -> Generator[_Fitted | FramesError, None, None]:
    """Decode and fit in threads, in order; what fails gives its error instead of its picture.

    They are a few pictures ahead of who takes them, no more.
    """

    def read(path: Path) -> _Fitted | FramesError:
        try:
            with room_for(path):
                return fit_one(path, read_picture(path), _SQUARE)
        except FramesError as error:
            return error

    readers = min(_MAX_READERS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(readers)
    ahead: deque[Future[_Fitted | FramesError]] = deque()
    with warnings.catch_warnings():  # set here because filters are shared between threads
        warnings.filterwarnings("ignore", module=r"PIL\.")  # odd tags of files that can be read
        try:
            for path in paths:
                ahead.append(pool.submit(read, path))
                if len(ahead) > 2 * readers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for the whole clip


def _load_video(path: Path, choice: FrameChoice, fit_one: _FitOne, scratch: Scratch) -> Frames:
    clip = _Clip(PictureStore(scratch))
    timestamp_source = TimestampSource.PTS
    with closing(iter_frames(path)) as frames:
        for frame in sample_video(frames, choice, path):
            if isinstance(frame, FramesError):
                clip.errors.append(frame)
                clip.ignored.append(str(frame))
                if not choice.skip_bad:
                    break
                continue
            image, transform = fit_one(path, Image.fromarray(frame.rgb()), frame.pixel_aspect)
            timestamp_s = frame.timestamp_s
            if timestamp_s is None:
                timestamp_s, timestamp_source = float(frame.index), TimestampSource.INDEX
            stem = f"{frame.index:06d}"
            clip.store.append(image, transform)
            clip.infos.append(FrameInfo(stem, str(path), frame.index, timestamp_s, transform))
    if not (clip.infos or clip.errors):
        raise FramesError(f"--start {choice.start} is past the end of {path}")
    return clip.frames(timestamp_source, skip_bad=choice.skip_bad)
