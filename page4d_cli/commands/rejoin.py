"""`page4d rejoin`: windows of a long video in, one camera path out."""

from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, say, warn
from page4d_cli.core.enums import Focal, LoopSearch
from page4d_cli.core.wording import count_noun


def rejoin(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Holds windows/*.npz and, maybe, loops/*.npz."),
    ],
    out: Annotated[Path, options.out("The folder to write.")],
    loops: Annotated[LoopSearch, options.loops()] = LoopSearch.AUTO,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--loop",
            metavar="A,B",
            help="Take the candidate that shows these two frames, whatever speaks against it; may "
            "be given again.",
        ),
    ] = None,
    forbidden: Annotated[
        list[str] | None,
        typer.Option(
            "--forbid-loop",
            metavar="A,B",
            help="Do not look at the candidates that show these two frames; may be given again.",
        ),
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="FILE",
            help="Fit the windows to this path in TUM form, by the frames' times; in a folder that "
            "is no run, by their numbers.",
            show_default=False,
        ),
    ] = None,
    focal: Annotated[Focal, options.focal()] = Focal.ONE,
    scale_from: options.ScaleFrom = None,
    drop_windows: Annotated[bool, options.drop_windows()] = False,
    overwrite: Annotated[bool, options.overwrite("Replace an earlier result.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Join overlapping windows of a video into one camera path, without a network.

    A window holds what any network says of some frames, in a unit and a world of its own. Writes
    trajectory.txt (TUM format, the frame's number as its time), intrinsics.txt, scales.txt (one
    factor a window) and join.json (every join and loop, and why). Where the video was cut, or
    windows share no frame, a new segment begins, with a world and a unit of its own.

    For example:
      page4d rejoin preds/ --out joined/

      page4d rejoin preds/ --out joined/ --loops off --json | jq .segments

      page4d rejoin preds/ --out joined/ --forbid-loop 580,12

      page4d rejoin preds/ --out joined/ --poses tracker.txt
    """
    from page4d_cli.pipelines.rejoin import rejoin as pipeline
    from page4d_cli.pipelines.rejoin.loops import parse_pair
    from page4d_cli.pipelines.scale.source import parse_scale_source

    result = pipeline.rejoin(
        folder,
        out,
        pipeline.RejoinOptions(
            loops=loops,
            given_loops=tuple(parse_pair(text) for text in given or ()),
            forbidden_loops=tuple(parse_pair(text) for text in forbidden or ()),
            poses=poses,
            focal=focal,
            scale_from=None if scale_from is None else parse_scale_source(scale_from),
            drop_windows=drop_windows,
            overwrite=overwrite,
        ),
    )
    path, verdicts = result.path, result.path.loops
    starts = path.segment_starts
    taken = sum(verdict.taken for verdict in verdicts)
    if len(starts) > 1:
        begins = ", ".join(str(start) for start in starts[1:])
        warn(f"{len(starts)} segments, each with its own world and unit; new ones at {begins}")
    if result.missing:
        warn(f"the run has lost {', '.join(result.missing)}")
    if poses is not None and any(agreement.is_worse for agreement in path.held_out):
        warn(f"windows agree less along {poses} than without; is it of this clip, by its clock?")
    for scale in result.scale:
        say(scale.in_words(), quiet=quiet)
    windows = len(path.log_scales)
    said = f"{count_noun(int(path.is_seen.sum()), 'frame')} of {count_noun(windows, 'window')}"
    say(f"{said}, {taken} of {count_noun(len(verdicts), 'loop')} closed", quiet=quiet)
    if as_json:
        print_json({"out": str(out), **result.about})
    else:
        typer.echo(str(out))
