"""`page4d motion`: which pixels of a run show something that moves."""

from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import harmless, say, warn
from page4d_cli.commands.shared.flags import spread
from page4d_cli.commands.shared.scenes import run_scenes
from page4d_cli.core.wording import count_noun
from page4d_cli.fleet.choice import HERE

if TYPE_CHECKING:
    from page4d_cli.pipelines.motion.motion import MotionSummary
    from page4d_cli.pipelines.motion.runs import MotionResult


@spread
def motion(
    run: options.Runs,
    resume: Annotated[bool, options.resume("Keep the scores of runs that have them.")] = False,
    fleet: options.FleetFlags = HERE,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score every pixel of a run by how surely it shows something that moves.

    Writes motion/<stem>.png into the run: 8 bit, 0 still, 255 moving, 128 the usual threshold; and
    prints the share of moving pixels of each frame; of a folder of runs, the runs it did. A
    geometric test: depth of each frame, carried into the others by the cameras, must not float in
    front of what they show. It is not the network's own mask. What was never seen from elsewhere
    scores 0.

    For example:

      page4d motion preds/

      page4d motion preds/ --resume --shard 1/4
    """
    from page4d_cli.io.run.manifest import MANIFEST
    from page4d_cli.pipelines.motion.motion import THRESHOLD
    from page4d_cli.pipelines.motion.runs import write_motions

    def tell(result: "MotionResult", summary: "MotionSummary") -> None:
        for note in summary.notes:
            warn(note if is_run else f"{result.name}: {note}")
        if not is_run:
            share = f"{fmean(summary.moving_shares.values()):.1%} moving"
            say(f"{result.name}: {count_noun(result.frames, 'frame')}, {share}", quiet=quiet)

    def as_object(result: "MotionResult", summary: "MotionSummary") -> dict[str, Any]:
        return {
            "run": str(result.out),
            "threshold": THRESHOLD,
            "moving_shares": summary.moving_shares,
            "notes": list(summary.notes),
        }

    def lines(result: "MotionResult", summary: "MotionSummary") -> list[str]:
        shares = summary.moving_shares.items()
        frames = [f"{harmless(stem)}  {share:6.1%}" for stem, share in shares]
        return frames if is_run else [str(result.out)]

    is_run = (run / MANIFEST).is_file()
    run_scenes(
        lambda observer: write_motions(run, resume=resume, fleet=fleet, observer=observer),
        tell,
        as_object,
        lines=lines,
        flat=is_run,
        as_json=as_json,
        quiet=quiet,
    )
