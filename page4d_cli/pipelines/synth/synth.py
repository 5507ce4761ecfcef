"""Write synthetic scenes, a folder each; every folder is written whole or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import InputError, OutputError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import to_text
from page4d_cli.data.sets.scene_folder import SCENE_JSON
from page4d_cli.data.synthetic import SceneRecipe, sample_scene
from page4d_cli.io.whole.staging import create_staging, remove_stale_staging, staging_of_others
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.synth.files import describe, folder_name, write_page4d, write_tum

_SIDES = (8, 8192)
_WRITERS = {SynthLayout.PAGE4D: write_page4d, SynthLayout.TUM: write_tum}


@dataclass(frozen=True)
class SynthOptions:
    """What to write.

    Raises:
        InputError: a number is out of range.
    """

    scenes: int = 1
    """Number of scenes; their seeds follow one another."""
    frames: int = 24
    size: tuple[int, int] = (320, 240)
    """(width, height)."""
    seed: int = 0
    """Seed of the first scene."""
    layout: SynthLayout = SynthLayout.PAGE4D
    fps: float = 30.0
    """Frames a second of the scene's time."""
    recipe: SceneRecipe = field(default_factory=SceneRecipe)
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name, given in (("scenes", self.scenes), ("frames", self.frames)):
            if given < 1:
                raise InputError(f"{name} is {given}; give a number from 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; give a number from 0")
        if not 0.01 <= self.fps <= 1000:
            raise InputError(f"fps is {self.fps:g}; give a number from 0.01 to 1000")
        if not all(_SIDES[0] <= side <= _SIDES[1] for side in self.size):
            raise InputError(
                f"size is {self.size[0]}x{self.size[1]}; give sides from {_SIDES[0]} to {_SIDES[1]}"
            )


def write_scenes(
    out: Path,
    options: SynthOptions,
    *,
    on_scene: Callable[[Path], None] = lambda _folder: None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write scenes below a directory.

    All places are looked at before any work. A failure leaves the scenes that are complete.

    Args:
        out: parent of the scenes' folders; made if it is not there.
        options: what to write.
        on_scene: told about each folder when it is complete.
        progress: told about every frame.

    Returns:
        The folders.

    Raises:
        OutputError: a place cannot be used.
        WriteError: the disk is full, or the like.
    """
    seeds = range(options.seed, options.seed + options.scenes)
    places = [out.absolute() / folder_name(options.layout, seed) for seed in seeds]
    for place in places:
        with _placing(place):
            _check(place, overwrite=options.overwrite)
    total, done = options.scenes * options.frames, 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("frames", done, total)

    with _directory(out):
        for seed, place in zip(seeds, places, strict=True):
            with _staged(place) as folder:
                _write(folder, seed, options, step)
                _check(place, overwrite=options.overwrite)
                _commit(folder, place)
            on_scene(out / place.name)
    return [out / place.name for place in places]


def _write(folder: Path, seed: int, options: SynthOptions, step: Callable[[], None]) -> None:
    """Write all files of a scene, with the list of them."""
    scene = sample_scene(options.recipe, seed)
    timestamps_s = np.arange(options.frames) / options.fps
    stamps = _WRITERS[options.layout](folder, scene, timestamps_s, options.size, step)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    record = describe(scene, options.recipe, options.layout, options.size, stamps)
    with writing(folder / SCENE_JSON):
        text = to_text(replace(record, files=tuple(files)))
        (folder / SCENE_JSON).write_text(text, encoding="utf-8")


def _check(place: Path, *, overwrite: bool) -> None:
    """Refuse a place that holds something already."""
    there = next(path for path in (place, *place.parents) if path.exists())
    if not there.is_dir():
        raise OutputError(f"{there} is a file; choose another --out")
    if there != place or overwrite:
        return
    if any(place.iterdir()):
        raise OutputError(
            f"{place} is there already and not empty; --overwrite replaces the scene's files and "
            "leaves others, or choose another --out or --seed"
        )


@contextmanager
def _placing(place: Path) -> Iterator[None]:
    """Convert what the operating system says about a place into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to {place}: {error.strerror}; choose another --out"
        ) from error


@contextmanager
def _directory(out: Path) -> Iterator[None]:
    """Make a directory with its parents; what is still empty after a failure goes again."""
    missing = [path for path in (out, *out.parents) if not path.exists()]
    with _placing(out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def _staged(place: Path) -> Iterator[Path]:
    """A folder beside the place, gone at the end if it was not moved there."""
    remove_stale_staging(place)
    if staging_of_others(place):
        raise OutputError(
            f"another page4d is writing {place}; wait for it, or choose another --out or --seed"
        )
    with _placing(place.parent):
        folder = create_staging(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _commit(folder: Path, place: Path) -> None:
    """Move a complete folder to its place: at once if that is free, else file by file."""
    with writing(place):
        if not place.exists() or not any(place.iterdir()):
            folder.replace(place)
            return
        files = _listed(folder)
        _require_way(place, files)
        stale = [file for file in _listed(place) if file not in files]
        (place / SCENE_JSON).unlink(missing_ok=True)
        for file in stale:
            (place / file).unlink(missing_ok=True)
        for file in (*files, SCENE_JSON):
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).replace(place / file)


def _require_way(place: Path, files: list[str]) -> None:
    """Find out before anything is replaced that a file cannot be moved to its place."""
    for file in (*files, SCENE_JSON):
        path = place / file
        blocked = path if path.is_dir() else path.parent
        if path.is_dir() or (blocked.exists() and not blocked.is_dir()):
            raise OutputError(f"{blocked} is in the way of {file}; move it away")


def _listed(folder: Path) -> list[str]:
    """Files that a scene's own list names, none of them outside of it; nothing without a list."""
    try:
        files = json.loads((folder / SCENE_JSON).read_text(encoding="utf-8"))["files"]
        paths = [PurePosixPath(file) for file in files]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [str(path) for path in paths if not path.is_absolute() and ".." not in path.parts]
