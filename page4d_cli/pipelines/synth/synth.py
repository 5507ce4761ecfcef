"""Write synthetic scenes, a folder each; every folder is written whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import InputError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import to_text
from page4d_cli.data.sets.rendered.scene_folder import SCENE_JSON, SceneRecord
from page4d_cli.data.synthetic import SceneRecipe, sample_scene
from page4d_cli.io.whole.transaction import Transaction, check_place
from page4d_cli.pipelines.synth.files import Stamps, describe, folder_name, write_page4d, write_tum

_SIDES = (8, 8192)
_WRITERS: dict[SynthLayout, Callable[..., Stamps]] = {
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
    places = [out / folder_name(options.layout, seed) for seed in seeds]
    for place in places:
        check_place(place, SCENE_JSON, overwrite=options.overwrite)
    total, done = options.scenes * options.frames, 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("frames", done, total)

    for seed, place in zip(seeds, places, strict=True):
        with Transaction(place, SCENE_JSON, overwrite=options.overwrite) as folder:
            record = _write(folder.folder, seed, options, step)
            folder.commit(to_text(replace(record, files=folder.files)))
        on_scene(place)
    return places


def _write(folder: Path, seed: int, options: SynthOptions, step: Callable[[], None]) -> SceneRecord:
    """Write all files of a scene, and return what there is to say about it."""
    scene = sample_scene(options.recipe, seed)
    timestamps_s = np.arange(options.frames) / options.fps
    stamps = _WRITERS[options.layout](folder, scene, timestamps_s, options.size, step)
    return describe(scene, options.recipe, options.layout, options.size, stamps)
