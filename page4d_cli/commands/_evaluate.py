"""What `eval-depth` and `eval-pose` share: their flags, and how they tell what was found."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands import options as shared
from page4d_cli.commands.console import Steps, print_json, say, warn
from page4d_cli.commands.infer import say_model
from page4d_cli.commands.tables import print_table
from page4d_cli.core.enums import Dataset, ProtocolName

if TYPE_CHECKING:
    from page4d_cli.pipelines.evaluate.options import EvaluationOptions
    from page4d_cli.pipelines.evaluate.results import Results, SequenceResult

_RESULT = "Result"

DatasetOption = Annotated[
    Dataset | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        parser=shared.parse_dataset,
        help="A name of `page4d data list`.",
        show_default=False,
    ),
]
Preds = Annotated[
    Path | None,
    typer.Option(
        "--preds",
        metavar="DIR",
        help="Score what `page4d infer` has written: a run for each sequence, called like it, or "
        "the run of one. Frames are matched by name and time stamp. Without it the network is run.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=shared.parse_place,
        metavar="PATH",
        help="Where results are written; the same command goes on from what is there. "
        "By default eval/<dataset>_<what>.",
        rich_help_panel=_RESULT,
    ),
]
Protocol = Annotated[
    ProtocolName,
    typer.Option(help="standard: done properly. original: what the scripts of PAGE-4D do."),
]
Sequences = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        help="Score these; by default the benchmark's list, or all that is there.",
    ),
]
AllowFailures = Annotated[
    bool,
    typer.Option(
        "--allow-failures", help="Exit 0 although sequences failed or frames are missing."
    ),
]
Published = Annotated[
    bool,
    typer.Option(
        "--published",
        help="Show the papers' numbers beside them; they are of other protocols.",
        rich_help_panel=_RESULT,
    ),
]


def names_of(text: str | None) -> tuple[str, ...]:
    """Split `a,b` into names."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def run_evaluation(
    options: "EvaluationOptions",
    out: Path | None,
    *,
    published: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate, tell what was found, and exit with 1 if it does not count as a success."""
    from page4d_cli.pipelines.evaluate.evaluate import evaluate, succeeded
    from page4d_cli.pipelines.evaluate.options import EvaluationObserver

    place = out or Path("eval") / f"{options.dataset.value}_{options.measure.value}"
    with Steps(hidden=quiet) as steps:

        def tell(result: "SequenceResult") -> None:
            steps.clear()
            if result.error is not None:
                warn(f"{result.name} failed: {result.error}")
            if result.missing:
                warn(
                    f"{result.name}: {len(result.missing)} frames have no prediction, "
                    f"the first is {result.missing[0]}"
                )
            for note in result.notes:
                say(f"{result.name}: {note}", quiet=quiet)

        results = evaluate(
            options,
            place,
            command=sys.argv,
            observer=EvaluationObserver(
                on_sequence=steps.title,
                on_model=lambda model: say_model(model, quiet=quiet),
                on_result=tell,
                progress=steps.step,
            ),
        )
    if results is None:
        return  # another process than the main one
    if as_json:
        from page4d_cli.core.strict_json import encode_fields

        print_json({"out": str(place), **encode_fields(results)})
    else:
        _print(results, published=published)
    say(f"results in {place}", quiet=quiet)
    if not succeeded(results, options):
        partial = sum(1 for one in results.scored if one.missing)
        say(
            f"{results.failed} of {len(results.sequences)} sequences failed, {partial} lack "
            "predictions of frames; --allow-failures accepts this"
        )
        raise typer.Exit(1)


def _print(results: "Results", *, published: bool) -> None:
    from page4d_cli.eval.published import WARNING, published_rows
    from page4d_cli.pipelines.evaluate.tables import result_table

    table = result_table(results, published=published)
    if table.rows:
        print_table(table.header, table.rows)
    if not published:
        return
    if published_rows(results.dataset, results.measure):
        warn(WARNING)
    else:
        say(f"no published numbers are known for {results.measure.value} on this data set")
