"""`page4d motion`: which pixels of a run show something that moves."""

from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import Steps, print_json, short_usage, warn

EXAMPLE = "page4d motion preds/"


def motion(
    context: typer.Context,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="A directory that `page4d infer` has written."),
    ] = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Score every pixel of a run by how surely it shows something that moves.

    Writes motion/<stem>.png into the run: 8 bit, 0 still, 255 moving, 128 the usual threshold; and
    prints the share of moving pixels of each frame. A geometric test: depth of each frame, carried
    into the others by the cameras, must not float in front of what they show. It is not the
    network's own mask. What was never seen from elsewhere scores 0.

    [bold]Example[/bold]

      page4d motion preds/
    """
    if run is None:
        raise short_usage(context, EXAMPLE)

    from page4d_cli.io.run.directory import open_run
    from page4d_cli.pipelines.motion.motion import THRESHOLD, write_motion

    with Steps(hidden=quiet) as steps:
        steps.title("motion", 0, 1)
        summary = write_motion(open_run(run), progress=steps.step)
    for note in summary.notes:
        warn(note)
    if as_json:
        print_json(
            {
                "run": str(run),
                "threshold": THRESHOLD,
                "moving_shares": summary.moving_shares,
                "notes": list(summary.notes),
            }
        )
        return
    for stem, share in summary.moving_shares.items():
        typer.echo(f"{stem}  {share:6.1%}")
