"""What a path or pattern stands for, and the images that it names, in natural order."""

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from glob import glob
from itertools import pairwise
from pathlib import Path

from natsort import natsorted, ns

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.images import image_extensions, is_image, needed_for
from page4d_cli.data.clip.video import VIDEO_EXTENSIONS, has_video

_DECIMAL_SECONDS = re.compile(r"\d+\.\d+")
_COUNTS_A_SECOND = {13: 10**3, 16: 10**6, 19: 10**9}
"""Of whole numbers, by their digits: times since 1970, which has ten in seconds."""


class InputKind(Enum):
    """What one input stands for; the value is how messages call it."""

    FOLDER = "folder"
    PATTERN = "pattern"
    IMAGE = "image"
    VIDEO = "video"


def kind_of(source: str) -> InputKind:
    """Tell what an input is: by extension, and by content where the extension is unknown.

    An existing path wins over its reading as a pattern, so `clip[1].png` names that file.

    Raises:
        FramesError: Nothing is there, or it is neither a folder, an image nor a video.
    """
    path = Path(source)
    if not source:
        raise FramesError("an empty path was given; name a folder, images, a pattern or a video")
    if path.is_dir():
        return InputKind.FOLDER
    if path.is_file():
        return _kind_of_file(path)
    if path.is_symlink():
        raise FramesError(f"{source} is a broken symbolic link (to {path.readlink()})")
    if path.exists():
        raise FramesError(f"{source} is neither a file nor a folder; save its data to a file first")
    if any(magic in source for magic in "*?["):
        return InputKind.PATTERN
    raise FramesError(f"{source} does not exist; name a folder, images, a pattern or a video")


def list_images(source: str, kind: InputKind) -> tuple[list[Path], list[Path]]:
    """List what a folder or a pattern names; hidden files are passed over.

    Args:
        source: The folder (its direct entries are taken) or the pattern (`**` is understood).
        kind: `InputKind.FOLDER` or `InputKind.PATTERN`.

    Returns:
        The images, in natural order, or in order of time if all their stems are decimal seconds;
        and everything else that was found.

    Raises:
        FramesError: There is no image; the message tells what was found instead.
    """
    try:
        found = _entries(source, kind)
    except OSError as error:
        raise FramesError(f"{source} cannot be listed ({error.strerror})") from error
    images = [path for path in found if _has_extension(path, image_extensions())]
    if not images:
        raise FramesError(_nothing_found(source, kind, found))
    return _in_order(images), sorted(set(found) - set(images))


def files_of(source: str | Sequence[str]) -> list[Path]:
    """The files that a source of frames stands for now.

    Args:
        source: what `load_frames` takes.

    Raises:
        FramesError: nothing is there.
    """
    if not isinstance(source, str):
        return [Path(path) for path in source]
    kind = kind_of(source)
    if kind in (InputKind.FOLDER, InputKind.PATTERN):
        return list_images(source, kind)[0]
    return [Path(source)]


def clips_of_pattern(pattern: str) -> list[str]:
    """List the videos and folders that a pattern matches, in natural order; none beside images."""
    found = _entries(pattern, InputKind.PATTERN)
    if any(_has_extension(path, image_extensions()) for path in found):
        return []
    clips = [path for path in found if path.is_dir() or _has_extension(path, VIDEO_EXTENSIONS)]
    return [str(path) for path in natsorted(sorted(clips), alg=ns.PATH)]


def stamps_from_names(paths: Sequence[Path]) -> list[float] | None:
    """Seconds in the names of images, as TUM RGB-D and EuRoC call theirs.

    Returns:
        One stamp an image, or None unless all stems are decimal seconds (`1305031102.175304`), or
        all are milli-, micro- or nanoseconds by their 13, 16 or 19 digits, and strictly increase.
    """
    stamps = _times(path.stem for path in paths)
    if stamps is None:
        return None
    increasing = all(a < b for a, b in pairwise(stamps))
    return stamps if increasing else None


def looks_like_time(path: Path) -> bool:
    """Whether a name is one of those of which some are times."""
    return _times([path.stem]) is not None


def _times(stems: Iterable[str]) -> list[float] | None:
    """Seconds, if all are written in one way."""
    stems = list(stems)
    if all(_DECIMAL_SECONDS.fullmatch(stem) for stem in stems):
        return [float(stem) for stem in stems]
    a_second = _COUNTS_A_SECOND.get(len(stems[0])) if stems else None
    if a_second and all(
        re.fullmatch(r"\d+", stem) and len(stem) == len(stems[0]) for stem in stems
    ):
        return [int(stem) / a_second for stem in stems]
    return None


def _kind_of_file(path: Path) -> InputKind:
    if _has_extension(path, image_extensions()):
        return InputKind.IMAGE
    if _has_extension(path, VIDEO_EXTENSIONS):
        return InputKind.VIDEO
    needed = needed_for(path)
    if needed is not None:
        raise FramesError(needed)
    if is_image(path):
        return InputKind.IMAGE
    if has_video(path):
        return InputKind.VIDEO
    hint = (
        "; give a list of paths on standard input instead, with -" if path.suffix == ".txt" else ""
    )
    raise FramesError(f"{path} is neither an image nor a video that can be read{hint}")


def _has_extension(path: Path, extensions: Iterable[str]) -> bool:
    return path.suffix.lower() in extensions and not path.is_dir()


def _entries(source: str, kind: InputKind) -> list[Path]:
    if kind is InputKind.PATTERN:
        # Path.glob takes no absolute pattern.
        return [Path(name) for name in glob(source, recursive=True)]  # noqa: PTH207
    return [path for path in Path(source).iterdir() if not path.name.startswith(".")]


def _in_order(images: Iterable[Path]) -> list[Path]:
    by_name = natsorted(sorted(images), alg=ns.PATH)  # sorted first: 1 and 01 are equal to natsort
    if all(_DECIMAL_SECONDS.fullmatch(path.stem) for path in by_name):
        by_time = sorted(by_name, key=lambda path: float(path.stem))
        if stamps_from_names(by_time):  # equal numbers mean that they are no times
            return by_time
    return by_name


def _nothing_found(source: str, kind: InputKind, found: Sequence[Path]) -> str:
    """Say what is in the place of images, and the next thing to try."""
    known = f"images end in {', '.join(image_extensions())}"
    if not found:
        if kind is InputKind.PATTERN:
            return f"{source} does not exist and, read as a pattern, matches nothing"
        return f"{source} is an empty folder; {known}"
    videos = sorted(path for path in found if _has_extension(path, VIDEO_EXTENSIONS))
    folders = sorted(path for path in found if path.is_dir())
    needed = next((what for path in sorted(found) if (what := needed_for(path))), None)
    if needed is not None:
        return f"{source}: {needed}"
    counts = f"{source} has no images ({len(found) - len(folders)} files, {len(folders)} folders)"
    if videos:
        return f"{counts}; for the videos in it give {videos[0].parent}/*{videos[0].suffix}"
    if folders:
        names = ", ".join(path.name for path in folders[:5])
        return f"{counts}; name the folder that holds them (in it: {names})"
    return f"{counts}; {known}"
