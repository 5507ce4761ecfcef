"""`page4d refine`: a run in, the same run with better cameras out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, print_json, print_line, say, warn
from page4d_cli.core.strict_json import encode


def refine(
    run: options.Run,
    out: Annotated[
        Path | None, options.out("A new run directory; by default the run itself changes.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="DIR",
            help="Pictures STEM.png, bright where something moves; else `page4d motion` tells.",
        ),
    ] = None,
    distortion: Annotated[
        bool,
        typer.Option("--distortion", help="Measure a radial distortion of the lens (k1), too."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing unless every camera gets better.")
    ] = False,
    overwrite: Annotated[bool, options.overwrite("Replace an earlier run at --out.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the cameras of a run as exact as its pictures allow; needs the network no more.

    Points that the pictures share are found, those on what moves left out, and cameras and points
    adjusted until they agree; depth, cloud and preview follow. Cameras that cannot be made better
    stay as they were. The network's are kept in cameras.network.npz.

    For example:

      page4d refine preds/

      page4d refine preds/ --out refined/ --masks masks/ --json | jq .segments
    """
    from page4d_cli.io.run.directory import open_run
    from page4d_cli.io.whole.transaction import mend
    from page4d_cli.pipelines.refine.refine import RefineOptions, refine_run

    asked = RefineOptions(out, masks, distortion, strict, overwrite, tuple(sys.argv))
    with Steps("refine", quiet=quiet) as steps:
        mend(run)
        result = refine_run(open_run(run), asked, progress=steps.step)
    for note in result.notes:
        warn(note)
    place = run if out is None else out
    seconds = result.manifest.timings_s["refinement"]
    for number, record in enumerate(result.manifest.refinement, start=1):
        of = f"segment {number}: " if len(result.manifest.refinement) > 1 else ""
        say(f"{of}{record.in_words()}", quiet=quiet)
    say(f"done in {seconds:.1f} s", quiet=quiet)
    if as_json:
        print_json(
            {
                "run": str(run),
                "out": str(place),
                "frames": result.frames,
                "refined": result.refined,
                "seconds": seconds,
                "segments": [encode(record) for record in result.manifest.refinement],
                "notes": list(result.notes),
            }
        )
        return
    print_line(str(place))
