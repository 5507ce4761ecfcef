"""Write synthetic scenes, a folder each; every folder is written whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import DatasetError, InputError, OutputError
from page4d_cli.core.progress import Observer
from page4d_cli.core.strict_json import to_text
from page4d_cli.data.sets.rendered.scene_folder import SCENE_JSON, SceneRecord, read_scene_json
from page4d_cli.data.synthetic import SceneRecipe, sample_scene
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.io.whole.transaction import Transaction, check_place
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.synth.files import describe, folder_name, write_page4d, write_tum

_SIDES = (8, 8192)
_WRITERS: dict[SynthLayout, Callable[..., None]] = {
    SynthLayout.PAGE4D: write_page4d,
    SynthLayout.COMPACT: partial(write_page4d, compact=True),
    SynthLayout.TUM: write_tum,
}


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


SynthResult = SceneResult[SceneRecord]
SILENT = Observer[SynthResult]()


def write_scenes(
    out: Path,
    options: SynthOptions,
    *,
    resume: bool = False,
    fleet: FleetChoice = HERE,
    observer: Observer[SynthResult] = SILENT,
) -> list[SynthResult]:
    """Write scenes below a directory.

    The places of this process's share are looked at before any work. With one scene an error is
    raised; of several the others go on, and the failure stands in the result.

    Args:
        out: parent of the scenes' folders; made if it is not there.
        options: what to write.
        resume: keep complete scenes that were asked for alike, and write the rest.
        fleet: where, and which share of the scenes.
        observer: told what happens.

    Raises:
        OutputError: a place cannot be used.
        WriteError: the only scene failed: the disk is full, or the like.
    """
    seeds = range(options.seed, options.seed + options.scenes)
    pieces = [_Piece(seed, out / folder_name(options.layout, seed)) for seed in seeds]

    def check(piece: _Piece) -> None:
        if not (resume and (piece.place / SCENE_JSON).is_file()):
            check_place(piece.place, SCENE_JSON, overwrite=options.overwrite)

    return each_scene(pieces, _Writer(options, resume), observer, fleet, SCENE_JSON, check=check)


@dataclass(frozen=True)
class _Piece:
    seed: int
    place: Path

    @property
    def name(self) -> str:
        return self.place.name


@dataclass(frozen=True)
class _Writer:
    """Writes a scene, unless it is there."""

    options: SynthOptions
    resume: bool

    def __call__(self, piece: _Piece, observer: Observer[Any]) -> SynthResult:
        options = self.options
        scene = sample_scene(options.recipe, piece.seed)
        timestamps_s = np.arange(options.frames) / options.fps
        about = describe(scene, options.recipe, options.layout, timestamps_s, options.size)
        there = self.resume and (piece.place / SCENE_JSON).is_file()
        if there and _is_kept(piece.place, about):
            return SceneResult(piece.name, piece.place, about, options.frames, kept=True)
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if observer.progress is not None:
                observer.progress("frames", done, options.frames)

        overwrite = options.overwrite or there  # the same scene, no longer whole
        with Transaction(piece.place, SCENE_JSON, overwrite=overwrite) as folder:
            write = _WRITERS[options.layout]
            write(folder.folder, scene, timestamps_s, options.size, step)
            record = replace(about, files=folder.files)
            folder.commit(to_text(record))
        return SceneResult(piece.name, piece.place, record, options.frames)


def _is_kept(place: Path, about: SceneRecord) -> bool:
    """Whether the scene at a place has all of its files.

    Raises:
        OutputError: another scene stands there, or it cannot be read.
    """
    try:
        there = read_scene_json(place)
    except DatasetError as error:
        raise OutputError(f"{error}; or choose another --out") from error
    if replace(there, files=(), page4d=about.page4d) != about:
        raise OutputError(
            f"{place} holds a scene that was asked for otherwise; --overwrite replaces it, or "
            "choose another --out"
        )
    return all((place / file).is_file() for file in there.files)
