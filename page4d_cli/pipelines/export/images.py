"""The pictures beside a format that names their files: links, copies, or none."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from page4d_cli.core.enums import Pictures
from page4d_cli.core.errors import FramesError
from page4d_cli.core.types import UInt8Array
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.export.folder import ExportFolder
from page4d_cli.pipelines.stored_run.clip import RunClip
from page4d_cli.pipelines.stored_run.pictures import is_from_video, source_paths, source_pictures

IMAGES = "images"
_ORIENTATION = 0x0112  # of EXIF
_UPRIGHT = 1


@dataclass(frozen=True)
class ImageFiles:
    """Files of the frames' upright source pictures, in `images/` of each format."""

    names: tuple[str, ...]
    """S plain names without white space."""
    note: str
    """One line for the person."""


def image_files(
    clip: RunClip, folder: ExportFolder, groups: Sequence[str], pictures: Pictures
) -> ImageFiles:
    """Put the pictures into the folder of each format.

    Sources are linked or copied as they are where other programs can use them so. These neither
    open videos nor turn pictures upright as their EXIF data says: then all are written as PNG.
    Names are those of the run's frames: some programs look for the last part of a path only.

    Args:
        clip: whose pictures.
        folder: of the export.
        groups: the formats that name pictures, each with a folder of its own name.
        pictures: what to do.

    Raises:
        WriteError: the disk is full, or the like.
    """
    sources = [source_paths(clip.run)[index] for index in clip.indices]
    usable = not is_from_video(clip.run) and all(map(_is_usable, sources))
    names = _names(clip, [path.suffix for path in sources] if usable else [".png"] * len(clip))
    homes = [f"{group}/{IMAGES}/" for group in groups]
    places = " and ".join(homes)
    if pictures is Pictures.NONE:
        return ImageFiles(names, f"put the pictures into {places} yourself: {names[0]} and so on")
    targets = [
        [folder.path(group, f"{home}{name}") for group, home in zip(groups, homes, strict=True)]
        for name in names
    ]
    if usable and pictures is Pictures.LINK:
        _for_each(sources, targets, _link)
        return ImageFiles(names, f"images: links in {places}")
    try:
        if usable:
            _for_each(sources, targets, shutil.copyfile)
        else:
            _write(source_pictures(clip.run, clip.indices), targets)
    except FramesError as error:
        for group, home in zip(groups, homes, strict=True):
            folder.drop(group, [f"{home}{name}" for name in names])
        return ImageFiles(names, f"put the pictures into {places} yourself: {error}")
    return ImageFiles(names, f"images: copies in {places}")


def _names(clip: RunClip, ends: Sequence[str]) -> tuple[str, ...]:
    """Stems and ends. COLMAP's text takes no white space; for 3DGS a name ends at its first dot."""
    stems = [info.stem for info in clip.infos]
    if any("." in stem or len(stem.split()) != 1 for stem in stems):
        stems = [f"{index:06d}" for index in clip.indices]
    return tuple(f"{stem}{end}" for stem, end in zip(stems, ends, strict=True))


def _for_each(
    sources: Sequence[Path], targets: Sequence[Sequence[Path]], put: Callable[[Path, Path], object]
) -> None:
    for source, of_groups in zip(sources, targets, strict=True):
        for target in of_groups:
            with writing(target):
                put(source, target)


def _write(pictures: Iterator[UInt8Array], targets: Sequence[Sequence[Path]]) -> None:
    for picture, (first, *others) in zip(pictures, targets, strict=True):
        write_png(first, picture)
        _for_each([first], [others], shutil.copyfile)


def _link(source: Path, target: Path) -> None:
    """A second name of the file; on another file system, a reference to where it is."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        target.symlink_to(source.resolve())


def _is_usable(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return bool(picture.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT)
    except (OSError, Image.DecompressionBombError):
        return False
