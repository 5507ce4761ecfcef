"""`page4d compare`: whether one evaluation is worse than another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, say, warn
from page4d_cli.commands.shared.tables import print_table

if TYPE_CHECKING:
    from page4d_cli.pipelines.evaluate.compare import Difference, ResultsComparison

_RESULTS = "A results.json of eval-depth or eval-pose."


def compare(
    before: Annotated[
        Path, typer.Argument(parser=options.parse_path, metavar="A.json", help=_RESULTS)
    ],
    after: Annotated[
        Path, typer.Argument(parser=options.parse_path, metavar="B.json", help=_RESULTS)
    ],
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, help="Share of its value by which a number may become worse."),
    ] = 0.01,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two evaluations of the same thing, number by number.

    The exit status is 1 if a number of the second is worse by more than the tolerance, or if a
    sequence has lost its scores.

    For example:

      page4d compare before/results.json after/results.json --tolerance 0.02
    """
    from page4d_cli.pipelines.evaluate.compare import compare as run
    from page4d_cli.pipelines.evaluate.results import read_results

    comparison = run(read_results(before), read_results(after))
    worse = comparison.regressions(tolerance)
    for note in comparison.notes:
        warn(note)
    for name in comparison.lost:
        warn(f"{name} had scores before and has none now")
    if as_json:
        print_json(_as_json(comparison, worse))
    else:
        print_table(
            ("sequence", "align", "metric", "before", "after", "change", ""),
            [_row(one, is_worse=one in worse) for one in comparison.differences],
        )
    if worse or comparison.lost:
        say(f"{len(worse)} numbers are worse by more than {tolerance:.1%}", quiet=quiet)
        raise typer.Exit(1)


def _row(one: "Difference", *, is_worse: bool) -> tuple[str, ...]:
    change = f"{one.after - one.before:+.4f}"
    numbers = (f"{one.before:.4f}", f"{one.after:.4f}", change)
    return (one.sequence, one.align, one.metric, *numbers, "worse" if is_worse else "")


def _as_json(comparison: "ResultsComparison", worse: "list[Difference]") -> dict[str, object]:
    rows = [
        {
            "sequence": one.sequence,
            "align": one.align,
            "metric": one.metric,
            "before": one.before,
            "after": one.after,
            "regression": one in worse,
        }
        for one in comparison.differences
    ]
    return {
        "differences": rows,
        "lost": list(comparison.lost),
        "notes": list(comparison.notes),
        "regressions": len(worse),
    }
