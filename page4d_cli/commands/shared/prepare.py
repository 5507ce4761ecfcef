"""What `prepare-tum` and `prepare-bonn` share: their flags, and how they tell what was done."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, fail, print_json, warn
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.enums import Link
from page4d_cli.core.strict_json import encode_fields

if TYPE_CHECKING:
    from page4d_cli.pipelines.prepare.plan import PrepareOptions
    from page4d_cli.pipelines.prepare.report import Offset, Prepared, PrepareReport

Raws = Annotated[
    list[Path],
    typer.Argument(
        parser=options.parse_path,
        metavar="RAW",
        help="Raw sequences, or folders that hold many.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    options.out(
        "Make a folder for each sequence here; by default files are written into the raw folders."
    ),
]
Frames = Annotated[int, typer.Option(min=1, help="How many; the names of the files follow it.")]
Stride = Annotated[int, typer.Option(min=1, help="Take every N-th.")]
LinkOption = Annotated[
    Link,
    typer.Option("--link", help="How pictures come there. " + options.in_words(Link)),
]
Overwrite = Annotated[bool, options.overwrite("Replace what was prepared with other settings.")]


def prepare_and_tell(
    raws: list[Path],
    asked: "PrepareOptions",
    *,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prepare, then print a table or JSON; failures end with exit status 1, or 2 if all failed."""
    from page4d_cli.pipelines.prepare.prepare import prepare

    with Steps(quiet=quiet) as steps:
        report = prepare(raws, asked, out=out, progress=steps.step)
    if as_json:
        print_json(encode_fields(report))
    elif report.sequences:
        _show(report)
    for one in report.sequences:
        if one.frames < one.frames_asked:
            warn(f"{one.name}: {one.frames} frames, {one.frames_asked} were asked for")
    failed = [fail(failure.error, 1 if report.sequences else 2) for failure in report.failures]
    if failed:
        raise failed[0]


def _show(report: "PrepareReport") -> None:
    columns = ("sequence", "frames", "of", "no pose", "no depth", "depth off by", "pose off by")
    print_table((*columns, "result"), [_row(one) for one in report.sequences])


def _row(one: "Prepared") -> tuple[str, ...]:
    asked = "" if one.frames == one.frames_asked else f" (asked: {one.frames_asked})"
    return (
        one.name,
        f"{one.frames}{asked}",
        str(one.pictures),
        str(one.without_pose),
        str(one.without_depth),
        _milliseconds(one.depth_offset_ms),
        _milliseconds(one.pose_offset_ms),
        one.status.value,
    )


def _milliseconds(offset_ms: "Offset") -> str:
    return f"{offset_ms.median:.1f}, worst {offset_ms.worst:.1f} ms"
