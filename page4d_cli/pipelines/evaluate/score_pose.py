"""Score the camera path of a run against a sequence, and write what was scored."""

from pathlib import Path

import numpy as np

from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.eval.pose import PoseScore, Trajectory, score_poses
from page4d_cli.eval.protocol import Protocol
from page4d_cli.io.formats.trajectory import write_tum
from page4d_cli.io.run.directory import Run
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.pipelines.evaluate.match import Matching
from page4d_cli.pipelines.evaluate.results import write_text
from page4d_cli.pipelines.evaluate.score_trajectory import save_trajectory_plot


def score_run_poses(
    run: Run, sequence: RecordedSequence, matching: Matching, protocol: Protocol
) -> PoseScore:
    """Score the cameras of matched frames.

    Raises:
        EvaluationError: the sequence has no poses, the run is not of one world, or the paths cannot
            be aligned.
        RunError: the run's cameras cannot be read.
    """
    truth = _true_poses(sequence, protocol)
    _require_one_world(run, matching)
    stamps_s = sequence.timestamps_s[list(matching.of_sequence)]
    return score_poses(
        Trajectory(stamps_s, predicted_poses(run, matching)),
        Trajectory(stamps_s, truth[list(matching.of_sequence)]),
    )


def predicted_poses(run: Run, matching: Matching) -> Float64Array:
    """T_world_camera (S, 3, 4) of matched frames."""
    chosen = run.extrinsics()[list(matching.of_run)].astype(np.float64)
    return np.asarray(invert_rigid(chosen), np.float64)


def write_pose_files(
    folder: Path, run: Run, sequence: RecordedSequence, matching: Matching, score: PoseScore
) -> None:
    """Write a sequence's files by the names that the original gives them.

    `<sequence>/pred_traj.txt` is in TUM order with the data's own time stamps, as predicted, not
    aligned; `pred_focal.txt` and `pred_intrinsics.txt` have fx and the nine numbers of K a row, in
    pixels of the source; `<sequence>_eval_metric.txt` and `<sequence>_traj_error.png` lie beside.

    Args:
        folder: the sequence's, made if it is not there.
        run: that predicted.
        sequence: whose ground truth.
        matching: of their frames.
        score: what came of it.

    Raises:
        WriteError: the disk is full, or the like.
    """
    stamps_s = sequence.timestamps_s[list(matching.of_sequence)]
    with replacing(folder / "pred_traj.txt") as staged:
        write_tum(staged, stamps_s, predicted_poses(run, matching))
    k = run.intrinsics_source()[list(matching.of_run)]
    rows = (
        ("pred_focal.txt", "fx, pixels of the source", k[:, 0, 0]),
        ("pred_intrinsics.txt", "K row by row, pixels of the source", k.reshape(-1, 9)),
    )
    for file, header, values in rows:
        with replacing(folder / file) as staged:
            np.savetxt(staged, values, fmt="%.9g", header=header)
    metrics = "".join(f"{key}: {value:.9g}\n" for key, value in score.metrics.as_dict().items())
    text = f"sequence: {sequence.name}\nframes: {len(score)}\n{metrics}scale: {score.scale:.9g}\n"
    write_text(folder.with_name(f"{sequence.name}_eval_metric.txt"), text)
    plot = folder.with_name(f"{sequence.name}_traj_error.png")
    save_trajectory_plot(plot, score, sequence.name)


def _require_one_world(run: Run, matching: Matching) -> None:
    """Refuse a path that was torn: no one alignment brings several worlds to the truth."""
    worlds = [
        world for world in run.manifest.worlds if any(row in world for row in matching.of_run)
    ]
    if len(worlds) > 1:
        begins = ", ".join(run.manifest.frames[world[0]].stem for world in worlds[1:])
        raise EvaluationError(
            f"{run.directory} has several segments, each with a world and a unit of its own (new "
            f"ones at {begins}), which no one alignment brings to the truth; score its "
            "trajectory_1.txt and so on one by one, with --gt"
        )


def _true_poses(sequence: RecordedSequence, protocol: Protocol) -> Float64Array:
    if protocol.recorded_poses and sequence.T_world_recorded is not None:
        return sequence.T_world_recorded
    if sequence.T_camera_world is None:
        raise EvaluationError(f"{sequence.name} has no ground truth poses")
    return np.asarray(invert_rigid(sequence.T_camera_world), np.float64)
