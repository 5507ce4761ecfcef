"""Score a camera path in a file against the true one in another, both in TUM format."""

from pathlib import Path

from page4d_cli.core.errors import EvaluationError
from page4d_cli.draw.path_errors import draw_path_errors
from page4d_cli.eval.pose import PoseScore, Trajectory, score_poses
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.formats.trajectory import read_tum
from page4d_cli.io.whole.transaction import replacing


def score_tum_files(estimate: Path, ground_truth: Path, *, plot: Path | None = None) -> PoseScore:
    """Read two paths, score one against the other, and draw both if asked to.

    Args:
        estimate: TUM file of camera-to-world poses, in any world and unit.
        ground_truth: TUM file of the true poses.
        plot: PNG file to write, replaced if it is there.

    Raises:
        RunError: a file or a row of it cannot be read; the message names file and line.
        EvaluationError: the paths cannot be compared; the message names both files.
        WriteError: the picture cannot be written.
    """
    estimated, true = Trajectory(*read_tum(estimate)), Trajectory(*read_tum(ground_truth))
    try:
        score = score_poses(estimated, true)
    except EvaluationError as error:
        raise EvaluationError(f"{estimate} against {ground_truth}: {error}") from error
    if plot is not None:
        save_trajectory_plot(plot, score, estimate.stem)
    return score


def save_trajectory_plot(path: Path, score: PoseScore, title: str) -> None:
    """Draw a scored path over the true one, and write it as a PNG, complete or not at all.

    Raises:
        WriteError: it cannot be written.
    """
    metrics = score.metrics
    summary = (
        f"ATE {metrics.ate:.3g} m; a frame: RPE {metrics.rpe_translation:.3g} m, "
        f"{metrics.rpe_rotation_deg:.3g}°; {len(score)} poses, Sim(3) aligned"
    )
    picture = draw_path_errors(
        score.estimate.T_world_camera,
        score.ground_truth.T_world_camera,
        score.errors,
        f"{title}\n{summary}",
    )
    with replacing(path) as staged:
        write_png(staged, picture)
