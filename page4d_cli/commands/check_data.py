"""`page4d check-data`: is a data set's ground truth what it says?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, print_json, print_line, say, warn
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.enums import OnBad
from page4d_cli.core.errors import InputError

if TYPE_CHECKING:
    from page4d_cli.pipelines.check_data.check import DataReport


def parse_pinhole(text: str) -> tuple[float, float, float, float]:
    """Split `525,525,319.5,239.5` into fx, fy, cx, cy."""
    try:
        fx, fy, cx, cy = (float(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise InputError(
            f"--intrinsics {text}: give fx,fy,cx,cy in pixels, for instance 525,525,319.5,239.5"
        ) from None
    return fx, fy, cx, cy


def check_data(
    dataset: options.DatasetName,
    root: options.DataRoot = None,
    out: Annotated[
        Path | None, options.out("Write summary.json, summary.csv and pictures here.")
    ] = None,
    intrinsics: Annotated[
        Sequence[float] | None,
        typer.Option(
            parser=options.parsed_by(parse_pinhole),
            metavar="FX,FY,CX,CY",
            help="Take these instead of the data set's.",
        ),
    ] = None,
    on_bad: Annotated[
        OnBad,
        typer.Option(
            help="What to do about a file that cannot be read. " + options.in_words(OnBad)
        ),
    ] = OnBad.STOP,
    overwrite: Annotated[bool, options.overwrite("Replace the files of an earlier check.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check depth, cameras and tracks of a data set, frame by frame and against each other.

    Static depth, carried from frame to frame by the cameras, must agree. Exit status 1 if a check
    fails; the sequence and the frame are named. What cannot be judged, such as frames that see
    nothing in common with others, is named, too, and is no failure.

    For example:

      page4d check-data synthetic --root scenes/ --out checked/

      page4d check-data tum --root raw/ --on-bad skip --json | jq .passed
    """
    pinhole = None
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics
        pinhole = (fx, fy, cx, cy)

    from page4d_cli.pipelines.check_data import check as checks
    from page4d_cli.pipelines.check_data import files

    with Steps(quiet=quiet) as steps:
        if out is None:
            report = checks.check_data(
                dataset, root, pinhole=pinhole, on_bad=on_bad, progress=steps.step
            )
        else:
            report = files.check_data_to(
                out,
                dataset,
                root,
                overwrite=overwrite,
                pinhole=pinhole,
                on_bad=on_bad,
                progress=steps.step,
            )
    for reason in (*report.skipped, *(r for one in report.sequences for r in one.skipped)):
        warn(f"skipped: {reason}")
    if as_json:
        print_json(files.as_json(report))
    else:
        _show(report, quiet=quiet)
    if not report.passed:
        raise typer.Exit(1)


def _show(report: "DataReport", *, quiet: bool) -> None:
    columns = ("sequence", "frames", "valid depth", "depth error", "agree", "result")
    print_table(
        columns,
        [
            (
                one.name,
                str(len(one.frames)),
                _percent(one.valid_depth, 1),
                _percent(one.depth_error, 3),
                _percent(one.inlier_share, 1),
                one.result,
            )
            for one in report.sequences
        ],
    )
    for one in report.sequences:
        for note in one.notes:
            say(f"{one.name}: {note}", quiet=quiet)
        for each in one.not_judged:
            say(f"{one.name}: not judged: {each.check.value}: {each.message}", quiet=quiet)
        for each in one.failures:
            print_line(f"{one.name}: {each.check.value}: {each.message}")


def _percent(share: float | None, digits: int) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f} %"
