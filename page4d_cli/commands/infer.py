"""`page4d infer`: clips in, run directories out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import (
    Steps,
    print_json,
    say,
    short_usage,
    warn,
)
from page4d_cli.core.enums import Fit, Precision, Resolution, Save
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.wording import count_noun

if TYPE_CHECKING:
    from page4d_cli.model.weights import LoadedModel
    from page4d_cli.pipelines.infer.scenes import SceneResult

EXAMPLE = "page4d infer clip.mp4 --out preds/"
_OUTPUT = "Output"


def infer(
    context: typer.Context,
    inputs: shared.Inputs = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=shared.parse_place,
            metavar="PATH",
            help="The run directory; of several scenes, the folder of one each.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    save: Annotated[
        str,
        typer.Option(
            metavar="A,B,…",
            help=f"What to write: {', '.join(save.value for save in Save)}; by default all but "
            "points and depth-png. Only the heads that these need are run.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = "cameras,depth,confidence,preview,cloud",
    resolution: Annotated[
        Resolution,
        typer.Option(
            help="Pixels of the maps: the network's, or resampled to the source picture's.",
            rich_help_panel=_OUTPUT,
        ),
    ] = Resolution.NETWORK,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace an earlier run.", rich_help_panel=_OUTPUT),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep complete runs with the same settings, run the rest.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
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
    """Predict cameras, depth and points, and write a run directory for each scene.

    Prints the directories it wrote, one a line. Cameras are OpenCV cameras; the world is the first
    camera; units are relative.

    [bold]Examples[/bold]

      page4d infer frames/ --out preds/

      page4d infer clip.mp4 --fps 5 --out preds/

      page4d infer clips/*.mp4 --out preds/ --resume

      find . -name '*.jpg' | page4d infer - --out preds/ --json | jq .frames
    """
    if not inputs or out is None:
        raise short_usage(context, EXAMPLE)
    if overwrite and resume:
        raise InputError("--overwrite and --resume exclude each other; choose one")
    chosen = frozenset(shared.parse_members("--save", save, Save))

    from page4d_cli.pipelines.infer.run import RunOptions
    from page4d_cli.pipelines.infer.scenes import FrameChoice, ModelChoice, Observer, infer_scenes

    with Steps(hidden=quiet) as steps:

        def tell(result: "SceneResult") -> None:
            steps.clear()
            _tell(result, quiet=quiet)
            if result.manifest is not None and not as_json:
                typer.echo(str(result.out))

        results = infer_scenes(
            inputs,
            out,
            stdin=sys.stdin,
            model=ModelChoice(weights, variant, device, dtype),
            frames=FrameChoice(fit, stride, fps, start, max_frames, skip_bad),
            options=RunOptions(chosen, resolution, overwrite, tuple(sys.argv)),
            resume=resume,
            observer=Observer(
                on_scene=steps.title,
                on_model=lambda model: say_model(model, quiet=quiet),
                on_result=tell,
                progress=steps.step,
            ),
        )
    if as_json:
        print_json(_as_json(results))
    failed = [result for result in results if result.error is not None]
    if failed:
        warn(f"{len(failed)} of {len(results)} scenes failed")
        raise typer.Exit(1)


def say_model(model: "LoadedModel", *, quiet: bool) -> None:
    """Tell which weights were loaded, and what should be known about them."""
    info, runtime = model.info, model.runtime
    where = f"{runtime.device} in {runtime.precision.value}"
    say(f"weights {info.name} ({info.variant.value}) on {where}", quiet=quiet)
    for note in model.notes:
        warn(note)


def _tell(result: "SceneResult", *, quiet: bool) -> None:
    manifest = result.manifest
    if manifest is None:
        warn(f"{result.name} failed: {result.error}")
        return
    for problem in manifest.problems:
        warn(f"{result.name}: {problem}")
    if manifest.ignored:
        ignored = count_noun(len(manifest.ignored), "file")
        say(
            f"{result.name}: ignored {ignored} without a usable image; the manifest has a list",
            quiet=quiet,
        )
    did = "kept" if result.kept else f"done in {sum(manifest.timings_s.values()):.1f} s"
    height, width = manifest.network_size
    size = f"{count_noun(len(manifest.frames), 'frame')} of {width}×{height}"
    cloud = "" if manifest.cloud is None else f", {manifest.cloud['points']:.0f} points"
    say(f"{result.name}: {did}, {size}{cloud}", quiet=quiet)


def _as_json(results: list["SceneResult"]) -> dict[str, Any]:
    runs = [_run_as_json(result) for result in results]
    return {"frames": sum(run["frames"] for run in runs), "runs": runs}


def _run_as_json(result: "SceneResult") -> dict[str, Any]:
    manifest = result.manifest
    common = {"name": result.name, "out": str(result.out), "error": result.error}
    if manifest is None:
        return {**common, "frames": 0}
    whole = encode_fields(manifest)
    wanted = ("device", "dtype", "weights", "network_size", "cloud", "problems", "timings_s")
    return {
        **common,
        "frames": len(manifest.frames),
        "kept": result.kept,
        "seconds": round(sum(manifest.timings_s.values()), 3),
        **{key: whole[key] for key in (*wanted, "peak_memory_bytes", "files")},
    }
