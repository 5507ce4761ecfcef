"""`page4d rejoin`: windows of a long video in, one camera path out."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, say, warn
from page4d_cli.core.wording import count_noun


class Loops(Enum):
    """What becomes of places that were seen twice."""

    AUTO = "auto"
    """Those that agree with the pictures and with one another are closed."""
    OFF = "off"
    """They are not looked at."""


def rejoin(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Holds windows/*.npz and, maybe, loops/*.npz."),
    ],
    out: Annotated[Path, options.out("The folder to write.")],
    loops: Annotated[Loops, typer.Option(help=options.in_words(Loops))] = Loops.AUTO,
    scale_from: options.ScaleFrom = None,
    overwrite: Annotated[bool, options.overwrite("Replace an earlier result.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Join overlapping windows of a video into one camera path, without a network.

    A window holds what any network says of some frames, in a unit and a world of its own. Writes
    trajectory.txt (TUM format, the frame's number as its time), scales.txt (one factor a window)
    and join.json (every join and loop, and why). Where the video was cut, or windows share no
    frame, a new segment begins, with a world and a unit of its own.

    For example:
      page4d rejoin preds/ --out joined/

      page4d rejoin preds/ --out joined/ --loops off --json | jq .segments
    """
    from page4d_cli.pipelines.rejoin import rejoin as pipeline
    from page4d_cli.pipelines.scale.source import parse_scale_source

    result = pipeline.rejoin(
        folder,
        out,
        with_loops=loops is Loops.AUTO,
        scale_from=None if scale_from is None else parse_scale_source(scale_from),
        overwrite=overwrite,
    )
    path, verdicts = result.path, result.path.loops
    starts = path.segment_starts
    taken = sum(verdict.taken for verdict in verdicts)
    if len(starts) > 1:
        begins = ", ".join(str(start) for start in starts[1:])
        warn(f"{len(starts)} segments, each with its own world and unit; new ones at {begins}")
    for scale in result.scale:
        say(scale.in_words(), quiet=quiet)
    windows = len(path.log_scales)
    said = f"{count_noun(int(path.is_seen.sum()), 'frame')} of {count_noun(windows, 'window')}"
    say(f"{said}, {taken} of {count_noun(len(verdicts), 'loop')} closed", quiet=quiet)
    if as_json:
        print_json({"out": str(out), **result.about})
    else:
        typer.echo(str(out))
