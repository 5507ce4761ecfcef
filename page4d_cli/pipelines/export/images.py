"""The image files that an export names: those of the source, or copies where these will not do."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

from PIL import Image

from page4d_cli.core.errors import FramesError
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.export.folder import ExportFolder
from page4d_cli.pipelines.stored_run.clip import RunClip
from page4d_cli.pipelines.stored_run.pictures import is_from_video, source_paths, source_pictures

IMAGES = "images"
_ORIENTATION = 0x0112  # of EXIF
_UPRIGHT = 1


@dataclass(frozen=True)
class ImageFiles:
    """Files of the frames' upright source pictures."""

    folder: Path | None
    """Folder of the pictures; None: `images/` of each format."""
    names: tuple[str, ...]
    """S, relative to the folder, without white space."""
    note: str
    """One line for the person."""

    def seen_from_format(self) -> list[str]:
        """Paths for a file in the folder of a format."""
        if self.folder is None:
            return [f"{IMAGES}/{name}" for name in self.names]
        return [str(self.folder / name) for name in self.names]


def image_files(clip: RunClip, folder: ExportFolder, groups: Sequence[str]) -> ImageFiles:
    """Name the sources where they can be used as they are; else write copies for each format.

    Other programs neither open videos nor turn pictures upright as their EXIF data says. A format
    has copies of its own, since a later export may replace it by other frames.

    Args:
        clip: whose pictures.
        folder: of the export.
        groups: the formats that name pictures, each with a folder of its own name.

    Raises:
        WriteError: the disk is full, or the like.
    """
    paths = [source_paths(clip.run)[index] for index in clip.indices]
    if not is_from_video(clip.run) and all(map(_is_usable, paths)):
        home = Path(commonpath([path.parent for path in paths]))
        names = tuple(path.relative_to(home).as_posix() for path in paths)
        if not any(map(_has_white_space, names)):
            return ImageFiles(home, names, f"images: {home}")
    stems = [info.stem for info in clip.infos]
    if any(map(_has_white_space, stems)):
        stems = [f"{index:06d}" for index in clip.indices]
    names = tuple(f"{stem}.png" for stem in stems)
    places = " and ".join(f"{group}/{IMAGES}/" for group in groups)
    try:
        _write(clip, folder, groups, names)
    except FramesError as error:
        return ImageFiles(None, names, f"put the pictures into {places} yourself: {error}")
    return ImageFiles(None, names, f"images: copies in {places}")


def _write(
    clip: RunClip, folder: ExportFolder, groups: Sequence[str], names: Sequence[str]
) -> None:
    try:
        for name, picture in zip(names, source_pictures(clip.run, clip.indices), strict=True):
            first, *others = (folder.path(group, f"{group}/{IMAGES}/{name}") for group in groups)
            with writing(first):
                Image.fromarray(picture).save(first)
            for other in others:
                with writing(other):
                    shutil.copyfile(first, other)
    except FramesError:
        for group in groups:
            folder.drop(group, [f"{group}/{IMAGES}/{name}" for name in names])
        raise


def _is_usable(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return bool(picture.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT)
    except OSError:
        return False


def _has_white_space(name: str) -> bool:
    return len(name.split()) != 1
