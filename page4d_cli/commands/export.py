"""`page4d export`: a run directory in, files of other programs out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import say
from page4d_cli.commands.shared.flags import Flags, spread
from page4d_cli.commands.shared.scenes import run_scenes
from page4d_cli.core.enums import ExportFormat, Pictures
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.wording import count_noun
from page4d_cli.fleet.choice import HERE
from page4d_cli.pipelines.export.options import FormatOptions

if TYPE_CHECKING:
    from page4d_cli.core.strict_json import Json
    from page4d_cli.pipelines.export.export import Exported

_CLOUD = "Points, of formats that hold them"
_OF_FORMATS = "Single formats"


def _parse_depth_scale(text: str) -> float | None:
    if text.strip() == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: give a number above 0, or auto") from None


FormatFlags = Annotated[
    FormatOptions,
    Flags(
        FormatOptions,
        depth_scale=typer.Option(
            parser=options.parsed_by(_parse_depth_scale),
            metavar="N|auto",
            help="depth-png: values per unit of depth, such as 1000 or 5000; auto gives the "
            "deepest pixel the largest value.",
            show_default="auto",
            rich_help_panel=_OF_FORMATS,
        ),
        images=typer.Option(
            help="colmap, nerfstudio, dynamic: how the pictures come into the folder; videos and "
            "pictures that EXIF turns are written in any case but none. "
            + options.in_words(Pictures),
            rich_help_panel=_OF_FORMATS,
        ),
        half=typer.Option(
            "--half", help="exr: 16-bit floats instead of 32.", rich_help_panel=_OF_FORMATS
        ),
        points=typer.Option(
            "--points",
            help="exr: the points of the world, too, in P.X, P.Y, P.Z.",
            rich_help_panel=_OF_FORMATS,
        ),
    ),
]


_AS_USUAL = FormatOptions()


@spread
def export(
    run: options.Runs,
    formats: Annotated[
        Sequence[ExportFormat],
        typer.Option(
            "--format",
            "-f",
            parser=options.members("--format", ExportFormat),
            metavar="A,B,…",
            help="What to write. " + options.in_words(ExportFormat),
        ),
    ],
    out: Annotated[
        Path,
        options.out("A folder; other formats in it stay. Of many runs, the folder of one each."),
    ],
    frames: options.FramesOfRun = options.ALL_FRAMES,
    min_conf_percentile: Annotated[
        float | None,
        typer.Option(
            help="Leave out the pixels below this percentile of the confidence; 30 if not given.",
            rich_help_panel=_CLOUD,
        ),
    ] = None,
    voxel: Annotated[
        float | None,
        typer.Option(
            help="Keep the surest point of each cube of this edge, in the run's unit; for mesh the "
            "edge of the volume's cubes, if not given what two pixels cover.",
            rich_help_panel=_CLOUD,
        ),
    ] = None,
    outliers: Annotated[
        float | None,
        typer.Option(
            help="Drop points whose distance to their 20 nearest neighbours is so many standard "
            "deviations above the mean; 2 is usual.",
            rich_help_panel=_CLOUD,
        ),
    ] = None,
    max_points: Annotated[
        int | None,
        typer.Option(
            help="Thin out evenly to so many; 1 000 000 if not given, for colmap 100 000.",
            rich_help_panel=_CLOUD,
        ),
    ] = None,
    of_formats: FormatFlags = _AS_USUAL,
    segment: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Of a run with several segments the N-th, counted from 1; --frames then counts "
            "within it.",
        ),
    ] = None,
    scale_from: options.ScaleFrom = None,
    static_only: options.StaticOnly = False,
    moving_only: options.MovingOnly = False,
    overwrite: Annotated[
        bool, options.overwrite("Replace what an earlier export of a format wrote.")
    ] = False,
    resume: Annotated[
        bool, options.resume("Keep what was exported alike of the same run, write the rest.")
    ] = False,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a run in formats that other programs read; needs neither the network nor a GPU.

    Prints the files it wrote, one a line. Units are the run's, relative unless --scale-from makes
    them metres; the world is the run's first camera. Cameras look along z, with x right and y down
    (OpenCV), unless the format says otherwise.

    For example:

      page4d export preds/ --format ply,glb --out exported/ --voxel 0.01 --outliers 2

      page4d export preds/ --format colmap --frames 0:30:2 --out splat/ --json | jq .files

      page4d export many/ --format colmap --out splats/ --devices cpu*4 --resume
    """
    options.require_one_of(overwrite=overwrite, resume=resume)
    part = options.choose_part(static_only=static_only, moving_only=moving_only)

    from page4d_cli.io.run.manifest import MANIFEST
    from page4d_cli.pipelines.cloud.of_run import CloudOptions
    from page4d_cli.pipelines.export.export import ExportOptions
    from page4d_cli.pipelines.export.runs import export_runs
    from page4d_cli.pipelines.scale.source import parse_scale_source

    cloud = CloudOptions(min_conf_percentile, voxel, outliers, max_points)
    source = None if scale_from is None else parse_scale_source(scale_from)
    is_run = (run / MANIFEST).is_file()
    asked = ExportOptions(
        tuple(formats), frames, of_formats, cloud, segment, source, part, overwrite=overwrite
    )
    run_scenes(
        lambda observer: export_runs(
            run, out, asked, resume=resume, fleet=fleet, observer=observer
        ),
        lambda result, exported: _tell(None if is_run else result.name, exported, quiet=quiet),
        lambda result, exported: _as_object(
            run if is_run else run / result.name, result.out, exported
        ),
        lines=lambda _result, exported: list(map(str, exported.files)),
        flat=is_run,
        as_json=as_json,
        quiet=quiet,
    )


def _tell(name: str | None, exported: "Exported", *, quiet: bool) -> None:
    told = list(exported.notes)
    if exported.scale is not None:
        told.append(exported.scale.in_words())
    for kind, detail in exported.details.items():
        what = ", ".join(_in_words(detail))
        told.append(f"{kind}: {what}" if what else kind)
    for text in told:
        say(text if name is None else f"{name}: {text}", quiet=quiet)


def _in_words(detail: "dict[str, Json]") -> Iterator[str]:
    """Numbers of what was written."""
    for key, value in detail.items():
        name = key.replace("_", " ")
        if isinstance(value, int):
            yield count_noun(value, name.removesuffix("s"))
        elif isinstance(value, float):
            yield f"{name} {value:g}"
        elif key == "extent" and isinstance(value, list):
            yield f"{name} {' × '.join(f'{side:.3g}' for side in value)}"


def _as_object(run: Path, out: Path, exported: "Exported") -> dict[str, object]:
    return {
        "run": str(run),
        "out": str(out),
        "frames": exported.frames,
        "scale": None if exported.scale is None else encode_fields(exported.scale),
        "formats": exported.details,
        "files": [str(file) for file in exported.files],
        "notes": list(exported.notes),
    }
