"""`page4d infer`: clips in, run directories out."""

import sys
from collections.abc import Callable, Sequence
from itertools import chain, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, print_line, say, warn
from page4d_cli.commands.shared.flags import spread
from page4d_cli.commands.shared.scenes import run_scenes
from page4d_cli.core.enums import DEFAULT_SAVE, Resolution, Save, TimestampSource
from page4d_cli.core.errors import InputError
from page4d_cli.core.progress import Observer
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.wording import count_noun
from page4d_cli.data.clip.choice import DEFAULT_FRAMES
from page4d_cli.fleet.choice import HERE
from page4d_cli.model.choice import DEFAULT_MODEL

if TYPE_CHECKING:
    from page4d_cli.io.run.manifest import Manifest
    from page4d_cli.io.run.plan import PlanRecord
    from page4d_cli.pipelines.infer.run import RunOptions
    from page4d_cli.pipelines.infer.scenes import RunResult

_OUTPUT = "Output"
_WHAT_CAME_OF_IT = ("cloud", "problems", "timings_s", "peak_memory_bytes", "files")


@spread
def infer(
    inputs: options.Inputs,
    out: Annotated[
        Path,
        options.out("The run directory; of several scenes, the folder of one each.", _OUTPUT),
    ],
    save: Annotated[
        Sequence[Save],
        typer.Option(
            parser=options.members("--save", Save),
            metavar="A,B,…",
            help=f"What to write: {', '.join(save.value for save in Save)}; by default all but "
            "points and depth-png. Only the heads that these need are run.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = DEFAULT_SAVE,
    resolution: Annotated[
        Resolution,
        typer.Option(
            help="Pixels of the maps: the network's, or resampled to the source picture's.",
            rich_help_panel=_OUTPUT,
        ),
    ] = Resolution.NETWORK,
    overwrite: Annotated[bool, options.overwrite("Replace an earlier run.", _OUTPUT)] = False,
    resume: Annotated[
        bool, options.resume("Keep complete runs with the same settings, run the rest.", _OUTPUT)
    ] = False,
    scale_from: options.ScaleFrom = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="DIR|VIDEO",
            help="What moves, if you know it: pictures of the frames' names, or a video with as "
            "many frames; white is moving and is left out of joins, of static clouds and exports, "
            "and, with weights whose mask is on, of what steers the cameras.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Say how the frames would be cut, and what memory and disk that takes; run "
            "nothing.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    windows: options.WindowFlags = options.ONE_PASS,
    drop_windows: Annotated[bool, options.drop_windows(_OUTPUT)] = False,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine",
            help="Make the cameras as exact as the pictures allow, as `page4d refine` does.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    # The flags of the two below are fields: see data/clip/choice.py and model/choice.py.
    frames: options.FramesFlags = DEFAULT_FRAMES,
    model: options.ModelFlags = DEFAULT_MODEL,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict cameras, depth and points, and write a run directory for each scene.

    Prints the directories it wrote, one a line. Cameras are OpenCV cameras; the world is the first
    camera; units are relative.

    For example:

      page4d infer frames/ --out preds/

      page4d infer clip.mp4 --fps 5 --out preds/

      page4d infer clips/*.mp4 --out preds/ --resume

      page4d infer long.mp4 --out preds/ --plan

      page4d infer long.mp4 --window 60 --scale-from height:1.65 --out preds/

      find . -name '*.jpg' | page4d infer - --out preds/ --json | jq .frames
    """
    options.require_one_of(overwrite=overwrite, resume=resume)

    from page4d_cli.pipelines.infer.run import RunOptions
    from page4d_cli.pipelines.infer.scenes import infer_scenes, plan_scenes
    from page4d_cli.pipelines.scale.source import parse_scale_source

    source = None if scale_from is None else parse_scale_source(scale_from)
    asked = RunOptions(
        frozenset(save),
        resolution,
        windows,
        scale_from=source,
        masks=masks,
        drop_windows=drop_windows,
        overwrite=overwrite,
        command=tuple(sys.argv),
    )
    if plan:
        plans = plan_scenes(
            inputs,
            out,
            stdin=sys.stdin,
            model=model,
            frames=frames,
            options=asked,
            observer=Observer(on_warning=warn),
        )
        if as_json:
            print_json({"plans": {name: encode_fields(each) for name, each in plans.items()}})
        for line in () if as_json else chain.from_iterable(starmap(_in_words, plans.items())):
            print_line(line)
        return

    def run(observer: "Observer[RunResult]") -> "list[RunResult]":
        return infer_scenes(
            inputs,
            out,
            stdin=sys.stdin,
            model=model,
            frames=frames,
            options=asked,
            resume=resume,
            fleet=fleet,
            observer=observer,
        )

    run_scenes(
        _refining(run, asked) if refine else run,
        lambda result, manifest: _tell(result, manifest, quiet=quiet),
        _as_object,
        as_json=as_json,
        quiet=quiet,
    )


def _in_words(name: str, plan: "PlanRecord") -> list[str]:
    height, width = plan.size
    cut = "one pass"
    if plan.windows > 1:
        shared = count_noun(plan.overlap, "frame")
        cut = f"{plan.windows} windows of {plan.window} frames, neighbours share {shared}"
    free = "" if plan.free_bytes is None else f", of {_in_bytes(plan.free_bytes)} that are free"
    assert plan.device_bytes is not None  # it was asked for
    needed = _in_bytes(plan.device_bytes)
    return [
        f"{name}: {count_noun(plan.frames, 'frame')} of {width}×{height}, "
        f"{count_noun(plan.tokens, 'token')} each; {cut}",
        f"  memory of the device: {needed} beside {_in_bytes(plan.weights_bytes)} of weights{free}",
        f"  memory of the host: {_in_bytes(plan.host_bytes)} for pictures and maps",
        f"  disk: {_in_bytes(plan.disk_bytes)}",
    ]


def _in_bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _refining(
    run: "Callable[[Observer[RunResult]], list[RunResult]]", asked: "RunOptions"
) -> "Callable[[Observer[RunResult]], list[RunResult]]":
    """The same, each run refined when it is written."""
    from page4d_cli.pipelines.refine.after_infer import infer_refined
    from page4d_cli.refine.features import require_pycolmap

    if not {Save.CAMERAS, Save.DEPTH} <= asked.save:
        raise InputError("--refine needs --save cameras,depth; add them, or leave --refine away")
    require_pycolmap()
    return lambda observer: infer_refined(run, observer, asked.command)


def _tell(result: "RunResult", manifest: "Manifest", *, quiet: bool) -> None:
    from page4d_cli.data.clip.paths import looks_like_time

    for problem in manifest.problems:
        warn(f"{result.name}: {problem}")
    if manifest.ignored:
        ignored = count_noun(len(manifest.ignored), "file")
        say(
            f"{result.name}: ignored {ignored} without a usable image; the manifest has a list",
            quiet=quiet,
        )
    if manifest.timestamp_source is TimestampSource.INDEX and all(
        looks_like_time(Path(frame.source)) for frame in manifest.frames
    ):
        say(
            f"{result.name}: frames are counted; their names look like times, but not all of one "
            "kind, each later than the one before",
            quiet=quiet,
        )
    for number, scale in enumerate(manifest.scale, start=1):
        of = f" segment {number}:" if len(manifest.scale) > 1 else ""
        say(f"{result.name}:{of} {scale.in_words()}", quiet=quiet)
    for number, record in enumerate(manifest.refinement, start=1):
        of = f" segment {number}:" if len(manifest.refinement) > 1 else ""
        say(f"{result.name}:{of} {record.in_words()}", quiet=quiet)
    did = "kept" if result.kept else f"done in {sum(manifest.timings_s.values()):.1f} s"
    height, width = manifest.network_size
    size = f"{count_noun(len(manifest.frames), 'frame')} of {width}×{height}"
    cloud = "" if manifest.cloud is None else f", {manifest.cloud.points} points"
    say(f"{result.name}: {did}, {size}{cloud}", quiet=quiet)


def _as_object(_result: "RunResult", manifest: "Manifest") -> dict[str, Any]:
    whole = encode_fields(manifest)
    wanted = ("device", "dtype", "weights", "network_size", "plan", "segments", "scale", "joining")
    return {
        **{key: whole[key] for key in (*wanted, *_WHAT_CAME_OF_IT)},
    }
