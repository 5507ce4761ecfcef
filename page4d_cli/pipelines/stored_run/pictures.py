"""Find the colour pictures of a run again: a run directory itself holds none but its preview."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from glob import has_magic
from pathlib import Path

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Resolution
from page4d_cli.core.errors import FramesError
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.types import PixelTransform, UInt8Array
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.clip.preprocess import apply_transform
from page4d_cli.data.clip.video import VideoFrame, iter_frames
from page4d_cli.draw.preview import color_picture
from page4d_cli.io.run.directory import PREVIEW, Run

_GREY = 128


def source_paths(run: Run) -> list[Path]:
    """Where the image of each frame, or the video of all, was when the run was made; absolute."""
    given = run.manifest.settings.get("source")
    frames = run.manifest.frames
    if isinstance(given, str):
        place = Path(given)
        if place.is_file() or is_from_video(run):
            return [place] * len(frames)
        if _is_pattern(place):
            return [_matched_by(place, Path(frame.source)) for frame in frames]
        return [place / Path(frame.source).name for frame in frames]
    if isinstance(given, list):
        return [Path(given[frame.index]) for frame in frames]
    return [Path(frame.source).absolute() for frame in frames]


def _is_pattern(place: Path) -> bool:
    return has_magic(str(place)) and not place.exists()


def _matched_by(pattern: Path, source: Path) -> Path:
    """Where the image lies that an absolute pattern found as `source`, from wherever that was."""
    if source.is_absolute():
        return source
    first = next(index for index, part in enumerate(pattern.parts) if has_magic(part))
    folder = Path(*pattern.parts[:first])
    if "**" not in pattern.parts:
        return folder.joinpath(*source.parts[first - len(pattern.parts) :])
    # Any number of folders: those that the folder ends with were typed, the others are below it.
    shared = [
        count
        for count in range(len(source.parts))
        if folder.parts[len(folder.parts) - count :] == source.parts[:count]
    ]
    places = [folder.joinpath(*source.parts[count:]) for count in reversed(shared)]
    return next((place for place in places if place.is_file()), places[0])


def is_from_video(run: Run) -> bool:
    """Whether the frames come out of one video; images have a file each."""
    indices = {(frame.source, frame.index) for frame in run.manifest.frames}
    sources = {frame.source for frame in run.manifest.frames}
    return len(sources) == 1 and (len(indices) > 1 or not _has_image_name(sources.pop()))


def source_pictures(run: Run, indices: Sequence[int]) -> Iterator[UInt8Array]:
    """Read the upright source pictures (h, w, 3) of frames, one at a time.

    Args:
        run: the run.
        indices: of its frames, in any order.

    Raises:
        FramesError: a picture is gone, cannot be read, or has another size than it had.
    """
    paths = source_paths(run)
    pictures = (
        _video_pictures(paths[0], [run.manifest.frames[index].index for index in indices])
        if is_from_video(run)
        else (read_image(paths[index]) for index in indices)
    )
    for index, picture in zip(indices, pictures, strict=True):
        width, height = run.manifest.frames[index].source_size
        if picture.shape != (height, width, 3):
            raise FramesError(
                f"{paths[index]} has {picture.shape[1]}×{picture.shape[0]} pixels; when the run "
                f"was made it had {width}×{height}"
            )
        yield picture


def map_pictures(run: Run, indices: Sequence[int]) -> tuple[list[UInt8Array], str | None]:
    """The colours of the pixels of the run's maps.

    They are those of the sources; if these are gone, of the preview, which is compressed; else
    everything is grey.

    Args:
        run: the run.
        indices: of its frames, in any order.

    Returns:
        A picture (H, W, 3) a frame, and a line to tell if they are not the sources' colours.
    """
    network_size = run.manifest.network_size
    transforms = [run.manifest.frames[index].to_info(network_size).transform for index in indices]
    of_source = run.manifest.resolution is Resolution.SOURCE
    try:
        pictures = source_pictures(run, indices)
        if of_source:
            return list(pictures), None
        return [
            apply_transform(Image.fromarray(picture), transform)
            for picture, transform in zip(pictures, transforms, strict=True)
        ], None
    except FramesError as error:
        reason = f"the source pictures cannot be read ({error})"
    try:
        panes = _preview_panes(run, indices)
        note = f"{reason}; colours are those of {PREVIEW}"
    except FramesError:
        panes = [np.full((*network_size, 3), _GREY, np.uint8) for _ in indices]
        note = f"{reason}, and there is no {PREVIEW}; points are grey"
    if of_source:
        panes = [_unfit(pane, t) for pane, t in zip(panes, transforms, strict=True)]
    return panes, note


def _has_image_name(source: str) -> bool:
    return Path(source).suffix.lower() in Image.registered_extensions()


def _video_pictures(path: Path, wanted: Sequence[int]) -> Iterator[UInt8Array]:
    """The frames of a video at indices, in their order; one is kept until its last turn is over."""
    remaining, turns = deque(wanted), Counter(wanted)
    kept: dict[int, UInt8Array] = {}
    with closing(iter_frames(path)) as frames:
        for frame in frames:
            if isinstance(frame, VideoFrame) and frame.index in turns:
                kept[frame.index] = frame.rgb()
            while remaining and remaining[0] in kept:
                index = remaining.popleft()
                turns[index] -= 1
                yield kept[index] if turns[index] else kept.pop(index)
            if not remaining:
                return
    absent = next(index for index in remaining if index not in kept)
    raise FramesError(f"{path} has no frame {absent}")


def _preview_panes(run: Run, indices: Sequence[int]) -> list[UInt8Array]:
    """The colour pictures in the frames of the preview."""
    path = run.directory / PREVIEW
    frames = _video_pictures(path, indices)
    try:
        return [color_picture(frame, *run.manifest.network_size) for frame in frames]
    except ValueError as error:
        raise FramesError(f"{path}: {error}") from error


def _unfit(picture: UInt8Array, transform: PixelTransform) -> UInt8Array:
    unfitted = to_source_pixels(picture.astype(np.float32), transform)
    return np.asarray(unfitted.round(), np.uint8)
