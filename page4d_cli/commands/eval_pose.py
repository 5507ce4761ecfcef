"""`page4d eval-pose`: how good predicted camera paths are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import evaluate, options
from page4d_cli.commands.shared.console import print_json, say, warn
from page4d_cli.commands.shared.flags import spread
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.enums import Dataset, PathAlign
from page4d_cli.core.errors import InputError
from page4d_cli.fleet.choice import HERE
from page4d_cli.model.choice import DEFAULT_MODEL

if TYPE_CHECKING:
    from page4d_cli.eval.pose import PoseComparison


@spread
def eval_pose(
    estimate: Annotated[
        Path | None,
        typer.Argument(
            parser=options.parse_path,
            metavar="[EST.txt]",
            help="A path as TUM, KITTI, EuRoC or TUM-VI write it, to be scored against --gt.",
        ),
    ] = None,
    gt: Annotated[
        Path | None,
        typer.Option(
            "--gt",
            parser=options.parse_path,
            metavar="GT.txt",
            help="The true path, in any of these forms.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="PNG",
            help="Draw EST.txt, aligned, against GT.txt.",
        ),
    ] = None,
    align: Annotated[
        PathAlign | None,
        typer.Option(
            help="How EST.txt is brought to GT.txt; sim3 if not given. "
            + options.in_words(PathAlign),
            show_default=False,
        ),
    ] = None,
    max_time_difference: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Most seconds between poses that belong together; 0.01 if not given."
        ),
    ] = None,
    time_offset: Annotated[
        float | None,
        typer.Option(metavar="S", help="Seconds that are added to the times of EST.txt."),
    ] = None,
    dataset: Annotated[Dataset | None, options.DATASET_OPTION] = None,
    scored: evaluate.ScoredFlags = evaluate.DEFAULT_SCORED,
    windows: options.WindowFlags = options.ONE_PASS,
    model: options.ModelFlags = DEFAULT_MODEL,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score camera paths: those of a data set, sequence by sequence, or one file against another.

    ATE and RPE (over one frame) are evo's, after a similarity alignment. Prints a table with the
    averages; results.json, .csv, .md and a plot of each path are written. Sequences that fail are
    listed, and the exit status is 1. Several processes can share the sequences (--devices,
    --cluster, --shard, or a start with accelerate launch or torchrun).

    For example:

      page4d eval-pose --dataset tum

      page4d eval-pose --dataset sintel --preds preds/ --published

      page4d eval-pose preds/trajectory.txt --gt groundtruth.txt --plot path.png

      page4d eval-pose slam.txt --gt euroc/data.csv --align se3 --max-time-difference 0.02
    """
    if dataset is None:
        if estimate is None or gt is None:
            raise InputError("give --dataset NAME, or EST.txt and --gt GT.txt")
        from page4d_cli.eval.pose import MAX_OFFSET_S, PoseComparison

        how = PoseComparison(
            align or PathAlign.SIM3,
            MAX_OFFSET_S if max_time_difference is None else max_time_difference,
            time_offset or 0.0,
        )
        _score_files(estimate, gt, how, plot, as_json=as_json, quiet=quiet)
        return
    if estimate is not None or gt is not None:
        raise InputError("give EST.txt and --gt GT.txt, or --dataset NAME; not a mixture")
    if plot is not None:
        raise InputError("--plot belongs to EST.txt; with --dataset each path is drawn anyway")
    if (align, max_time_difference, time_offset) != (None, None, None):
        raise InputError(
            "--align, --max-time-difference and --time-offset belong to EST.txt; a data set is "
            "scored by its protocol"
        )

    from page4d_cli.eval.protocol import Measure

    asked = scored.options(dataset, Measure.POSE, (), model, windows)
    evaluate.run_evaluation(asked, scored, fleet, as_json=as_json, quiet=quiet)


def _score_files(
    estimate: Path,
    gt: Path,
    how: "PoseComparison",
    plot: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    from page4d_cli.eval.pose import PosePairing
    from page4d_cli.pipelines.evaluate.score_trajectory import score_path_files

    score, notes = score_path_files(estimate, gt, how, plot=plot)
    for note in notes:
        say(note, quiet=quiet)
    offset_s = float(abs(score.estimate.timestamps_s - score.ground_truth.timestamps_s).max())
    if score.pairing is PosePairing.INDEX:
        warn(
            f"the time stamps do not agree; both have {len(score)} poses and were paired by their "
            f"order, in which time stamps differ by up to {offset_s:.3g} s"
        )
    metrics = score.metrics.as_dict()
    say(
        f"{len(score)} of {score.estimated_poses} estimated and {score.true_poses} true poses, "
        f"paired by {score.pairing.value}; scale {score.scale:.6g}",
        quiet=quiet,
    )
    if as_json:
        print_json(
            {
                **metrics,
                "poses": len(score),
                "pairing": score.pairing.value,
                "max_time_difference_s": offset_s,
                "align": how.align.value,
                "time_offset_s": how.time_offset_s,
                "scale": score.scale,
                "notes": list(notes),
            }
        )
        return
    print_table(tuple(metrics), [tuple(f"{value:.6f}" for value in metrics.values())])
