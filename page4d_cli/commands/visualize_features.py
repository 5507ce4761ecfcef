"""`page4d visualize-features`: what the network's layers put out, as pictures."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import say
from page4d_cli.commands.shared.flags import spread
from page4d_cli.commands.shared.scenes import run_scenes
from page4d_cli.core.enums import FeatureKind, Reduction, Variant
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.wording import count_noun
from page4d_cli.data.clip.choice import DEFAULT_FRAMES
from page4d_cli.fleet.choice import HERE
from page4d_cli.model.choice import DEFAULT_MODEL

if TYPE_CHECKING:
    from page4d_cli.pipelines.features.summary import FeatureSummary

_OUTPUT = "Output"
_COMPARE = "Comparison"


def parse_layers(text: str) -> tuple[int, ...] | None:
    """Split `0,5,23` into numbers; None for `all`."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["all"]:
        return None
    if not words or not all(word.isascii() and word.isdecimal() for word in words):
        raise InputError(
            f"--layers {text}: give numbers from 0 with commas between, for instance 0,5,23; or all"
        )
    return tuple(int(word) for word in words)


@spread
def visualize_features(
    inputs: options.Inputs,
    out: Annotated[
        Path,
        options.out(
            "The folder of the pictures; of several scenes, the parent of one each.", _OUTPUT
        ),
    ],
    layers: Annotated[
        Sequence[int] | None,
        typer.Option(
            parser=options.parsed_by(parse_layers),
            metavar="A,B,…|all",
            help="Which layers, counted from 0.",
            show_default="all",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    kind: Annotated[
        Sequence[FeatureKind],
        typer.Option(
            parser=options.members("--kind", FeatureKind),
            metavar="A,B",
            help=options.in_words(FeatureKind),
            show_default="both",
            rich_help_panel=_OUTPUT,
        ),
    ] = tuple(FeatureKind),
    reduce: Annotated[
        Reduction,
        typer.Option(
            help="What is shown of a patch's channels. " + options.in_words(Reduction),
            rich_help_panel=_OUTPUT,
        ),
    ] = Reduction.MEAN,
    scale: Annotated[
        int,
        typer.Option(min=1, max=64, help="Pixels a patch (bilinear).", rich_help_panel=_OUTPUT),
    ] = 12,
    cmap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A colour map of Matplotlib, for mean and norm; by default the original's.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    statistics: Annotated[
        bool,
        typer.Option(
            "--statistics",
            help="statistics.npz: mean, std, skewness, energy, entropy of every layer and frame.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    mask: Annotated[
        bool,
        typer.Option(
            "--mask",
            help="The spatial mask head's value: red where the cameras are to look away, as a heat "
            "map and over the frame. VGGT has none.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    sheet: Annotated[
        bool,
        typer.Option("--sheet", help="All layers of a frame on one page.", rich_help_panel=_OUTPUT),
    ] = False,
    video: Annotated[
        bool,
        typer.Option(
            "--video",
            help="An mp4 of every layer and kind, on one colour scale for the clip.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    overwrite: Annotated[bool, options.overwrite("Replace earlier pictures.", _OUTPUT)] = False,
    compare: Annotated[
        str | None,
        typer.Option(
            parser=options.parse_weights,
            metavar="NAME|PATH",
            help="Other weights of the same depth, run after the first: their pictures go to "
            "compare/, pages with both side by side beside it.",
            show_default=False,
            rich_help_panel=_COMPARE,
        ),
    ] = None,
    compare_variant: Annotated[
        Variant | None,
        typer.Option(
            help="What --variant is, for the other weights.",
            show_default=False,
            rich_help_panel=_COMPARE,
        ),
    ] = None,
    frames: options.FramesFlags = DEFAULT_FRAMES,
    model: options.ModelFlags = DEFAULT_MODEL,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw what every layer of the network puts out, patch by patch, for every frame.

    Prints the folders it wrote, one a line. Each picture has its own colour scale, from its
    smallest to its largest value; pca has one for the clip.

    For example:

      page4d visualize-features frames/ --out features/

      page4d visualize-features clip.mp4 --fps 2 --layers 4,11,17,23 --reduce pca --sheet --out f/

      page4d visualize-features frames/ --weights page4d --compare vggt-1b --out compared/

      page4d visualize-features clip.mp4 --weights page4d-mask --mask --layers 9 --out mask/
    """
    if compare_variant is not None and compare is None:
        raise InputError("--compare-variant belongs to --compare, which was not given")

    from page4d_cli.pipelines.features.options import FeatureOptions
    from page4d_cli.pipelines.features.visualize import visualize_features as draw

    chosen = FeatureOptions(
        layers=layers,
        kinds=kind,
        reduction=reduce,
        scale=scale,
        cmap=cmap,
        statistics=statistics,
        mask=mask,
        sheet=sheet,
        video=video,
        overwrite=overwrite,
        command=tuple(sys.argv),
    )
    other = None
    if compare is not None:
        other = replace(model, weights=compare, variant=compare_variant)
    run_scenes(
        lambda observer: draw(
            inputs,
            out,
            stdin=sys.stdin,
            model=model,
            compare=other,
            frames=frames,
            options=chosen,
            fleet=fleet,
            observer=observer,
        ),
        lambda result, summary: _tell(result.name, summary, quiet=quiet),
        lambda _result, summary: {**encode_fields(summary), "frames": len(summary.frames)},
        as_json=as_json,
        quiet=quiet,
    )


def _tell(name: str, summary: "FeatureSummary", *, quiet: bool) -> None:
    if summary.ignored:
        ignored = f"{count_noun(len(summary.ignored), 'file')} without a usable image"
        say(f"{name}: ignored {ignored}; features.json lists them", quiet=quiet)
    frames, layers = len(summary.frames), len(summary.layers)
    size = f"{count_noun(frames, 'frame')}, {count_noun(layers, 'layer')}"
    say(f"{name}: done in {summary.seconds:.1f} s, {size}", quiet=quiet)
