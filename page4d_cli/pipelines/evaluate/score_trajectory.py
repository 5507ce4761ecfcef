"""Score a camera path in a file against the true one in another, in the forms that others write."""

from pathlib import Path

from page4d_cli.core.enums import PathAlign
from page4d_cli.core.errors import EvaluationError
from page4d_cli.draw.path_errors import draw_path_errors
from page4d_cli.eval.pose import PoseComparison, PoseScore, Trajectory, score_poses
from page4d_cli.io.formats.camera_path import read_camera_path
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.whole.transaction import replacing


def score_path_files(
    estimate: Path,
    ground_truth: Path,
    how: PoseComparison,
    *,
    plot: Path | None = None,
) -> tuple[PoseScore, tuple[str, ...]]:
    """Read two paths, score one against the other, and draw both if asked to.

    Args:
        estimate: file of camera-to-world poses, in any world and unit; see
            `io/formats/camera_path.py` for the forms.
        ground_truth: file of the true poses.
        how: alignment and pairing.
        plot: PNG file to write, replaced if it is there.

    Returns:
        The score, and what the person should know of the files.

    Raises:
        RunError: a file or a row of it cannot be read; the message names file and line.
        EvaluationError: the paths cannot be compared; the message names both files.
        WriteError: the picture cannot be written.
    """
    read = read_camera_path(estimate), read_camera_path(ground_truth)
    estimated, true = (Trajectory(each.timestamps_s, each.T_world_camera) for each in read)
    try:
        score = score_poses(estimated, true, how)
    except EvaluationError as error:
        raise EvaluationError(f"{estimate} against {ground_truth}: {error}") from error
    if plot is not None:
        save_trajectory_plot(plot, score, estimate.stem, how.align)
    return score, (*read[0].notes, *read[1].notes)


def save_trajectory_plot(
    path: Path, score: PoseScore, title: str, align: PathAlign = PathAlign.SIM3
) -> None:
    """Draw a scored path over the true one, and write it as a PNG, complete or not at all.

    Raises:
        WriteError: it cannot be written.
    """
    metrics = score.metrics
    summary = (
        f"ATE {metrics.ate:.3g} m; a frame: RPE {metrics.rpe_translation:.3g} m, "
        f"{metrics.rpe_rotation_deg:.3g}°; {len(score)} poses, aligned: {align.value}"
    )
    picture = draw_path_errors(
        score.estimate.T_world_camera,
        score.ground_truth.T_world_camera,
        score.errors,
        f"{title}\n{summary}",
    )
    with replacing(path) as staged:
        write_png(staged, picture)
