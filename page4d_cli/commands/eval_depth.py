"""`page4d eval-depth`: how good predicted depth is."""

from typing import Annotated

import typer

from page4d_cli.commands.shared import evaluate, options
from page4d_cli.commands.shared.flags import spread
from page4d_cli.core.enums import Align, DepthTask
from page4d_cli.fleet.choice import HERE
from page4d_cli.model.choice import DEFAULT_MODEL


@spread
def eval_depth(
    dataset: options.DatasetOption,
    task: Annotated[
        DepthTask,
        typer.Option(help=options.in_words(DepthTask)),
    ] = DepthTask.VIDEO,
    align: Annotated[
        list[Align] | None,
        typer.Option(
            help="How the prediction's unit is brought to the ground truth's; can be given several "
            "times. scale-shift is the one of published tables, scale-shift-l1 the one to trust.",
            show_default="scale; median for mono",
        ),
    ] = None,
    scored: evaluate.ScoredFlags = evaluate.DEFAULT_SCORED,
    windows: options.WindowFlags = options.ONE_PASS,
    model: options.ModelFlags = DEFAULT_MODEL,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score depth on a data set, sequence by sequence.

    Prints a table with the averages, which are weighted by valid pixels; results.json, .csv and .md
    are written. Sequences that fail are listed, and the exit status is 1. Several processes can
    share the sequences (--devices, --cluster, --shard, or a start with accelerate launch or
    torchrun).

    For example:

      page4d eval-depth --dataset bonn --task video --align scale --align scale-shift

      page4d eval-depth --dataset sintel --task mono --preds preds/ --json | jq .averages
    """
    from page4d_cli.eval.protocol import Measure

    default = Align.MEDIAN if task is DepthTask.MONO else Align.SCALE
    aligns = tuple(dict.fromkeys(align or [default]))
    asked = scored.options(dataset, Measure.of(task), aligns, model, windows)
    evaluate.run_evaluation(asked, scored, fleet, as_json=as_json, quiet=quiet)
