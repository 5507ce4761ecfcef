"""From what was typed to scenes: which inputs belong together, and what each scene is called."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.names import unique_directory_names
from page4d_cli.data.clip.paths import InputKind, clips_of_pattern, kind_of, list_images

STDIN = "-"


@dataclass(frozen=True)
class Scene:
    """One clip to be processed by itself."""

    name: str
    """Name for its run directory: unique in the call, safe on any file system."""
    source: str | tuple[str, ...]
    """What `load_frames` takes: a folder, a pattern, a video, an image, or a list of images."""


def find_scenes(inputs: Sequence[str], stdin: Iterable[str] | None = None) -> list[Scene]:
    """Sort inputs into scenes.

    Each folder, video and pattern is a scene of its own; images given one by one are one scene
    together. A pattern that matches videos or folders but no image stands for these.

    Args:
        inputs: Paths and patterns; `-` stands for the paths in `stdin`.
        stdin: Text with one path a line, or with NUL between paths (`find -print0`).

    Returns:
        Scenes in the order of the inputs.

    Raises:
        FramesError: Nothing was given, an input does not exist or is of no use, or loose images are
            mixed with anything else.
    """
    given = [(path, kind_of(path)) for path in _with_stdin(inputs, stdin)]
    if not given:
        raise FramesError("no frames were given; name a folder, images, a pattern or a video")
    kinds = {kind for _, kind in given}
    if kinds == {InputKind.IMAGE}:
        paths = [Path(path) for path, _ in given]
        place = paths[0] if len(paths) == 1 else _common_folder(paths)
        return [Scene(unique_directory_names([place])[0], tuple(path for path, _ in given))]
    if InputKind.IMAGE in kinds:
        raise FramesError(_mixed([kind for _, kind in given]))
    sources = [source for path, kind in given for source in _unfold(path, kind)]
    places = [_place(source) for source in sources]
    names = unique_directory_names(places)
    return [Scene(name, source) for name, source in zip(names, sources, strict=True)]


def _with_stdin(inputs: Sequence[str], stdin: Iterable[str] | None) -> list[str]:
    """The inputs, with the paths of standard input in the place of each `-`."""
    return [path for given in inputs for path in (_paths_in(stdin) if given == STDIN else [given])]


def _paths_in(stdin: Iterable[str] | None) -> list[str]:
    text = "".join(stdin or ())
    paths = text.split("\0") if "\0" in text else [line.rstrip("\r") for line in text.split("\n")]
    paths = [path for path in paths if path.strip()]
    if not paths:
        raise FramesError("standard input holds no paths, and - stands for them; give one a line")
    return paths


def _unfold(path: str, kind: InputKind) -> list[str]:
    """The videos and folders that stand behind a pattern without images, else the input itself."""
    clips = clips_of_pattern(path) if kind is InputKind.PATTERN else []
    return clips or [path]


def _place(source: str) -> Path:
    """The folder or file that a scene is named after."""
    if kind_of(source) is InputKind.PATTERN:
        return _common_folder(list_images(source, InputKind.PATTERN)[0])
    return Path(source)


def _common_folder(images: Sequence[Path]) -> Path:
    return Path(commonpath([path.absolute().parent for path in images]))


def _mixed(kinds: Sequence[InputKind]) -> str:
    counts = Counter(kind.value for kind in kinds)
    listed = ", ".join(f"{number} × {kind}" for kind, number in counts.items())
    return (
        f"loose images and other inputs in one call ({listed}); images given one by one are one "
        "scene: give them in a call of their own, or put them into a folder and name that"
    )
