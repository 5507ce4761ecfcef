"""`page4d motion`: which pixels of a run show something that moves."""

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, harmless, print_json, print_line, warn


def motion(
    run: options.Run,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score every pixel of a run by how surely it shows something that moves.

    Writes motion/<stem>.png into the run: 8 bit, 0 still, 255 moving, 128 the usual threshold; and
    prints the share of moving pixels of each frame. A geometric test: depth of each frame, carried
    into the others by the cameras, must not float in front of what they show. It is not the
    network's own mask. What was never seen from elsewhere scores 0.

    For example:

      page4d motion preds/
    """
    from page4d_cli.io.run.directory import open_run
    from page4d_cli.io.whole.transaction import mend
    from page4d_cli.pipelines.motion.motion import THRESHOLD, write_motion

    with Steps("motion", quiet=quiet) as steps:
        mend(run)
        summary = write_motion(open_run(run), progress=steps.step)
    for note in summary.notes:
        warn(note)
    if as_json:
        print_json(
            {
                "run": str(run),
                "threshold": THRESHOLD,
                "moving_shares": summary.moving_shares,
                "notes": list(summary.notes),
            }
        )
        return
    for stem, share in summary.moving_shares.items():
        print_line(f"{harmless(stem)}  {share:6.1%}")
