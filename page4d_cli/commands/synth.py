"""`page4d synth`: dynamic scenes with exact ground truth."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import say
from page4d_cli.commands.shared.flags import spread
from page4d_cli.commands.shared.scenes import run_scenes
from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import expand_home
from page4d_cli.core.wording import count_noun
from page4d_cli.fleet.choice import HERE


def parse_size(text: str) -> tuple[int, int]:
    """Split `320x240` into (width, height)."""
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    if match is None:
        raise InputError(f"--size {text}: give width and height, for instance 320x240")
    return int(match[1]), int(match[2])


@spread
def synth(
    out: Annotated[Path, options.out("Where a folder for each scene is made.")],
    scenes: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 1,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each scene.")] = 24,
    size: Annotated[
        Sequence[int],
        typer.Option(
            parser=options.parsed_by(parse_size),
            metavar="WxH",
            help="Pixels of a frame.",
            show_default="320x240",
        ),
    ] = (320, 240),
    seed: Annotated[
        int, typer.Option(min=0, help="Of the first scene; the others' seeds follow.")
    ] = 0,
    layout: Annotated[
        SynthLayout,
        typer.Option(help=options.in_words(SynthLayout)),
    ] = SynthLayout.PAGE4D,
    fps: Annotated[
        float,
        typer.Option(help="Frames a second; 30 is a video, 2 shows the scene from far apart."),
    ] = 30.0,
    family: Annotated[
        str | None,
        typer.Option(
            parser=expand_home,
            metavar="CONFIG",
            help="Draw from the scenes that a training configuration trains on, a shipped one "
            "(page4d train --list) or a YAML file, instead of from all.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, options.overwrite("Replace scenes that are there already.")] = False,
    resume: Annotated[
        bool, options.resume("Keep complete scenes that were asked for alike, write the rest.")
    ] = False,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make scenes: a textured room, bodies that stand and that move, a camera on a smooth path.

    Prints the folders it wrote, one a line. The same seed gives the same scene.

    For example:

      page4d synth --out scenes/ --scenes 10 --frames 24 --size 224x168

      page4d synth --out scenes/ --scenes 10000 --resume --shard 1/16

      page4d synth --out raw/ --frames 300 --size 640x480 --layout tum

      page4d synth --out held-out/ --family tiny --seed 2000000 --frames 8 --fps 1 --size 112x84
    """
    options.require_one_of(overwrite=overwrite, resume=resume)
    width, height = size

    from page4d_cli.data.synthetic import SceneRecipe
    from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes
    from page4d_cli.pipelines.train.config import load_config

    recipe = SceneRecipe() if family is None else load_config(family).data.recipe
    asked = SynthOptions(scenes, frames, (width, height), seed, layout, fps, recipe, overwrite)
    run_scenes(
        lambda observer: write_scenes(out, asked, resume=resume, fleet=fleet, observer=observer),
        lambda result, _record: say(
            f"{result.name}: {count_noun(result.frames, 'frame')} of {width}×{height} pixels",
            quiet=quiet,
        ),
        lambda _result, record: {"seed": record.seed, "layout": record.layout.value},
        as_json=as_json,
        quiet=quiet,
    )
