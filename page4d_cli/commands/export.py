"""`page4d export`: a run directory in, files of other programs out."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import Steps, print_json, say, short_usage
from page4d_cli.core.enums import ExportFormat
from page4d_cli.core.errors import InputError
from page4d_cli.core.wording import count_noun

if TYPE_CHECKING:
    from page4d_cli.pipelines.export.export import Exported

EXAMPLE = "page4d export preds/ --format ply,colmap --out exported/"
_CLOUD = "Points (ply, glb, colmap, nerfstudio, rrd)"
_INTEGER = r"(-?\d+)?"


def parse_frames(text: str) -> slice:
    """Turn `0:30:2` or `7` into a slice, as Python does."""
    match = re.fullmatch(rf"{_INTEGER}(:{_INTEGER}(?::{_INTEGER})?)?", text.strip())
    if match is None or not text.strip():
        raise InputError(f"--frames {text}: give first:end:step as in Python, such as 0:30:2, or 7")
    first, colon, end, step = match.groups()
    if colon is None:
        index = int(first)
        return slice(index, index + 1 or None)
    if step is not None and int(step) < 1:
        raise InputError(f"--frames {text}: the step is {step}; give a number from 1")
    return slice(*(None if word is None else int(word) for word in (first, end, step)))


def export(
    context: typer.Context,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A directory that `page4d infer` has written."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="A,B,…",
            help=f"What to write: {', '.join(each.value for each in ExportFormat)}.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=shared.parse_place,
            metavar="PATH",
            help="A folder; other formats in it stay.",
        ),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(metavar="FIRST:END:STEP", help="Which frames of the run, as Python slices."),
    ] = ":",
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
            help="Keep the surest point of each cube of this edge, in the run's unit.",
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
    static_only: shared.StaticOnly = False,
    moving_only: shared.MovingOnly = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace what an earlier export of a format wrote."),
    ] = False,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    r"""Write a run in formats that other programs read; needs neither the network nor a GPU.

    Prints the files it wrote, one a line. Units are relative, the world is the run's first camera.
    Cameras look along z, with x right and y down (OpenCV), unless the table says otherwise.

      ply         cloud.ply, coloured points

      glb         scene.glb, points and camera frustums; y up, z to the viewer (glTF)

      colmap      colmap/sparse/0, text and binary, world to camera; points with the pixels of the
                  source pictures that show them, by depth and cameras; pixel centres at .5

      nerfstudio  nerfstudio/transforms.json, depth, points.ply; camera to world, camera axes with
                  y up and z backwards (OpenGL), no other transform applied

      tum, kitti  trajectory_tum.txt, trajectory_kitti.txt, camera to world

      npz         run.npz, cameras (world to camera), depth and confidence in one file

      depth-png   depth/NAME.png, 16 bit, and depth/scale.json

      video       depth.mp4, colour and depth side by side

      rrd         run.rrd for the Rerun viewer; pip install 'page4d\[rerun]'

    [bold]Examples[/bold]

      page4d export preds/ --format ply,glb --out exported/ --voxel 0.01 --outliers 2

      page4d export preds/ --format colmap --frames 0:30:2 --out splat/ --json | jq .files
    """
    if run is None or formats is None or out is None:
        raise short_usage(context, EXAMPLE)
    chosen, which = shared.parse_members("--format", formats, ExportFormat), parse_frames(frames)
    part = shared.choose_part(static_only=static_only, moving_only=moving_only)

    from page4d_cli.pipelines.cloud.of_run import CloudOptions
    from page4d_cli.pipelines.export.export import ExportOptions, export_run

    cloud = CloudOptions(min_conf_percentile, voxel, outliers, max_points)
    with Steps(hidden=quiet) as steps:
        steps.title("export", 0, 1)
        exported = export_run(
            run,
            out,
            ExportOptions(chosen, which, cloud, part, overwrite=overwrite),
            progress=steps.step,
        )
    for note in exported.notes:
        say(note, quiet=quiet)
    if as_json:
        print_json(_as_json(run, out, exported))
        return
    for name, detail in exported.details.items():
        what = ", ".join(
            count_noun(value, key.removesuffix("s"))
            for key, value in detail.items()
            if isinstance(value, int)
        )
        say(f"{name}: {what}" if what else name, quiet=quiet)
    for file in exported.files:
        typer.echo(str(file))


def _as_json(run: Path, out: Path, exported: "Exported") -> dict[str, object]:
    return {
        "run": str(run),
        "out": str(out),
        "frames": exported.frames,
        "formats": exported.details,
        "files": [str(file) for file in exported.files],
        "notes": list(exported.notes),
    }
