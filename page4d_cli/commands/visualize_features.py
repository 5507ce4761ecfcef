"""`page4d visualize-features`: what the network's layers put out, as pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import Steps, print_json, say, short_usage, warn
from page4d_cli.commands.infer import say_model
from page4d_cli.core.enums import FeatureKind, Fit, Precision, Reduction, Variant
from page4d_cli.core.errors import InputError
from page4d_cli.core.wording import count_noun

if TYPE_CHECKING:
    from page4d_cli.pipelines.features.visualize import FeatureResult

EXAMPLE = "page4d visualize-features frames/ --out features/"
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


def visualize_features(
    context: typer.Context,
    inputs: shared.Inputs = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=shared.parse_place,
            metavar="PATH",
            help="The folder of the pictures; of several scenes, the parent of one each.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            metavar="A,B,…|all",
            help="Which layers, counted from 0.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "all",
    kind: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="frame: after the block within each frame. global: after the block over all.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "frame,global",
    reduce: Annotated[
        Reduction,
        typer.Option(
            help="What is shown of a patch: the mean of its channels, their norm, or as colour "
            "their first three principal components, one basis for the whole clip.",
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
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace earlier pictures.", rich_help_panel=_OUTPUT),
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option(
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
    fit: shared.FitOption = Fit.KEEP,
    stride: shared.Stride = 1,
    fps: shared.Fps = None,
    start: shared.Start = 0,
    max_frames: shared.MaxFrames = None,
    skip_bad: shared.SkipBad = False,
    weights: shared.Weights = "page4d",
    variant: shared.VariantOption = None,
    device: shared.Device = "auto",
    dtype: shared.DType = Precision.AUTO,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Draw what every layer of the network puts out, patch by patch, for every frame.

    Prints the folders it wrote, one a line. Each picture has its own colour scale, from its
    smallest to its largest value; pca has one for the clip.

    [bold]Examples[/bold]

      page4d visualize-features frames/ --out features/

      page4d visualize-features clip.mp4 --fps 2 --layers 4,11,17,23 --reduce pca --sheet --out f/

      page4d visualize-features frames/ --weights page4d --compare vggt-1b --out compared/

      page4d visualize-features clip.mp4 --weights page4d-mask --mask --layers 9 --out mask/
    """
    if not inputs or out is None:
        raise short_usage(context, EXAMPLE)
    if compare_variant is not None and compare is None:
        raise InputError("--compare-variant belongs to --compare, which was not given")
    chosen, kinds = parse_layers(layers), shared.parse_members("--kind", kind, FeatureKind)

    from page4d_cli.pipelines.features.options import FeatureOptions
    from page4d_cli.pipelines.features.visualize import visualize_features as draw
    from page4d_cli.pipelines.infer.scenes import FrameChoice, ModelChoice, Observer

    other = None if compare is None else ModelChoice(compare, compare_variant, device, dtype)
    with Steps(hidden=quiet) as steps:

        def tell(result: "FeatureResult") -> None:
            steps.clear()
            _tell(result, quiet=quiet)
            if result.summary is not None and not as_json:
                typer.echo(str(result.out))

        results = draw(
            inputs,
            out,
            stdin=sys.stdin,
            model=ModelChoice(weights, variant, device, dtype),
            compare=other,
            frames=FrameChoice(fit, stride, fps, start, max_frames, skip_bad),
            options=FeatureOptions(
                layers=chosen,
                kinds=kinds,
                reduction=reduce,
                scale=scale,
                cmap=cmap,
                statistics=statistics,
                mask=mask,
                sheet=sheet,
                video=video,
                overwrite=overwrite,
                command=tuple(sys.argv),
            ),
            observer=Observer(
                on_scene=steps.title,
                on_model=lambda model: say_model(model, quiet=quiet),
                progress=steps.step,
            ),
            on_result=tell,
        )
    if as_json:
        print_json(_as_json(results))
    failed = [result for result in results if result.error is not None]
    if failed:
        warn(f"{len(failed)} of {len(results)} scenes failed")
        raise typer.Exit(1)


def _tell(result: "FeatureResult", *, quiet: bool) -> None:
    summary = result.summary
    if summary is None:
        warn(f"{result.name} failed: {result.error}")
        return
    if summary.ignored:
        ignored = f"{count_noun(len(summary.ignored), 'file')} without a usable image"
        say(f"{result.name}: ignored {ignored}; features.json lists them", quiet=quiet)
    frames, layers = len(summary.frames), len(summary.layers)
    size = f"{count_noun(frames, 'frame')}, {count_noun(layers, 'layer')}"
    say(f"{result.name}: done in {summary.seconds:.1f} s, {size}", quiet=quiet)


def _as_json(results: list["FeatureResult"]) -> dict[str, Any]:
    runs = [_run_as_json(result) for result in results]
    return {"frames": sum(run["frames"] for run in runs), "runs": runs}


def _run_as_json(result: "FeatureResult") -> dict[str, Any]:
    common = {"name": result.name, "out": str(result.out), "error": result.error}
    if result.summary is None:
        return {**common, "frames": 0}
    from page4d_cli.core.strict_json import encode_fields

    return {**common, **encode_fields(result.summary), "frames": len(result.summary.frames)}
