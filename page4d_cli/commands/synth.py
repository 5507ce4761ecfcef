"""`page4d synth`: dynamic scenes with exact ground truth."""

import re
from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import Steps, print_json, say, short_usage
from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import InputError

EXAMPLE = "page4d synth --out scenes/ --scenes 10 --frames 24"


def parse_size(text: str) -> tuple[int, int]:
    """Split `320x240` into (width, height)."""
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip().lower())
    if match is None:
        raise InputError(f"--size {text}: give width and height, for instance 320x240")
    return int(match[1]), int(match[2])


def synth(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=shared.parse_place,
            metavar="PATH",
            help="Where a folder for each scene is made.",
        ),
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 1,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each scene.")] = 24,
    size: Annotated[str, typer.Option(metavar="WxH", help="Pixels of a frame.")] = "320x240",
    seed: Annotated[
        int, typer.Option(min=0, help="Of the first scene; the others' seeds follow.")
    ] = 0,
    layout: Annotated[
        SynthLayout,
        typer.Option(
            help="page4d: exact depth, cameras, moving pixels and point tracks. "
            "tum: raw folders of the TUM RGB-D benchmark."
        ),
    ] = SynthLayout.PAGE4D,
    fps: Annotated[
        float,
        typer.Option(help="Frames a second; 30 is a video, 2 shows the scene from far apart."),
    ] = 30.0,
    family: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="Draw from the scenes that a training configuration trains on, a shipped one "
            "(page4d train --list) or a YAML file, instead of from all.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace scenes that are there already.")
    ] = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Make scenes: a textured room, bodies that stand and that move, a camera on a smooth path.

    Prints the folders it wrote, one a line. The same seed gives the same scene.

    [bold]Examples[/bold]

      page4d synth --out scenes/ --scenes 10 --frames 24 --size 224x168

      page4d synth --out raw/ --frames 300 --size 640x480 --layout tum

      page4d synth --out held-out/ --family tiny --seed 2000000 --frames 8 --fps 1 --size 112x84
    """
    if out is None:
        raise short_usage(context, EXAMPLE)
    pixels = parse_size(size)

    from page4d_cli.data.synthetic import SceneRecipe
    from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes
    from page4d_cli.pipelines.train.config import load_config

    recipe = SceneRecipe() if family is None else load_config(family).data.recipe
    options = SynthOptions(scenes, frames, pixels, seed, layout, fps, recipe, overwrite)
    with Steps(hidden=quiet) as steps:
        steps.title("synth", 0, 1)

        def tell(folder: Path) -> None:
            if not as_json:
                steps.clear()
                typer.echo(str(folder))

        folders = write_scenes(out, options, on_scene=tell, progress=steps.step)
    say(f"{scenes * frames} frames of {pixels[0]}×{pixels[1]} pixels", quiet=quiet)
    if as_json:
        print_json(
            {
                "layout": layout.value,
                "scenes": [
                    {"folder": str(folder), "seed": seed + index}
                    for index, folder in enumerate(folders)
                ],
                "frames": scenes * frames,
            }
        )
