"""`page4d eval-depth`: how good predicted depth is."""

from typing import Annotated

import typer

from page4d_cli.commands import _evaluate
from page4d_cli.commands import options as shared
from page4d_cli.commands.console import short_usage
from page4d_cli.core.enums import Align, DepthTask, Precision, ProtocolName

EXAMPLE = "page4d eval-depth --dataset bonn --task video --align scale"


def eval_depth(
    context: typer.Context,
    dataset: _evaluate.DatasetOption = None,
    task: Annotated[
        DepthTask,
        typer.Option(
            help="video: all frames in a pass, one alignment for a sequence. mono: one frame a "
            "pass, one alignment for each."
        ),
    ] = DepthTask.VIDEO,
    align: Annotated[
        list[Align] | None,
        typer.Option(
            help="How the prediction's unit is brought to the ground truth's; can be given several "
            "times. scale-shift is the one of published tables, scale-shift-l1 the one to trust.",
            show_default="scale; median for mono",
        ),
    ] = None,
    preds: _evaluate.Preds = None,
    root: shared.DataRoot = None,
    sequences: _evaluate.Sequences = None,
    protocol: _evaluate.Protocol = ProtocolName.STANDARD,
    max_frames: shared.MaxFrames = None,
    allow_failures: _evaluate.AllowFailures = False,
    out: _evaluate.Out = None,
    published: _evaluate.Published = False,
    weights: shared.Weights = "page4d",
    variant: shared.VariantOption = None,
    device: shared.Device = "auto",
    dtype: shared.DType = Precision.AUTO,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
) -> None:
    """Score depth on a data set, sequence by sequence.

    Prints a table with the averages, which are weighted by valid pixels; results.json, .csv and .md
    are written. Sequences that fail are listed, and the exit status is 1. Several processes share
    the sequences: start with accelerate launch -m page4d_cli eval-depth … or torchrun.

    [bold]Examples[/bold]

      page4d eval-depth --dataset bonn --task video --align scale --align scale-shift

      page4d eval-depth --dataset sintel --task mono --preds preds/ --json | jq .averages
    """
    if dataset is None:
        raise short_usage(context, EXAMPLE)

    from page4d_cli.eval.protocol import Measure
    from page4d_cli.pipelines.evaluate.options import EvaluationOptions
    from page4d_cli.pipelines.infer.scenes import ModelChoice

    default = Align.MEDIAN if task is DepthTask.MONO else Align.SCALE
    options = EvaluationOptions(
        dataset=dataset,
        measure=Measure.of(task),
        root=root,
        aligns=tuple(dict.fromkeys(align or [default])),
        protocol_name=protocol,
        sequences=_evaluate.names_of(sequences),
        predictions=preds,
        max_frames=max_frames,
        allow_failures=allow_failures,
        model=ModelChoice(weights, variant, device, dtype),
    )
    _evaluate.run_evaluation(options, out, published=published, as_json=as_json, quiet=quiet)
