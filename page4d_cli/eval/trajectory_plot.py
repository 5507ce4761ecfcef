"""A picture of an estimated camera path beside the true one."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.eval.pose import PoseScore

_INCHES = (11.0, 5.5)
_DOTS_PER_INCH = 120
_COLORS = "plasma"


def draw_trajectory(score: PoseScore, title: str, *, unit: str = "m") -> UInt8Array:
    """Draw the aligned estimate, coloured by its error, over ground truth, from above and the side.

    Which way is up, a world does not say: up is taken to be where the tops of the pictures point on
    average, and the view from the side is the one in which the path is longest.

    Args:
        score: what `score_poses` gave.
        title: heading of the picture.
        unit: of the ground truth's lengths.

    Returns:
        (H, W, 3) RGB.
    """
    true, estimated = score.ground_truth.T_world_camera, score.estimate.T_world_camera
    axes_world = _view_axes(true)
    true_view, estimated_view = (
        (poses[..., 3] - true[0, :, 3]) @ axes_world.T for poses in (true, estimated)
    )
    figure = Figure(_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    figure.suptitle(f"{title}\n{_summary(score, unit)}")
    panels = figure.subplots(1, 2)
    views = (("from above", (0, 1), "across"), ("from the side", (0, 2), "up"))
    for panel, (name, columns, vertical) in zip(panels, views, strict=True):
        lines = _draw(panel, true_view[:, columns], estimated_view[:, columns], score.errors)
        panel.set(title=name, xlabel=f"along ({unit})", ylabel=f"{vertical} ({unit})")
    figure.colorbar(lines, ax=panels, label=f"position error ({unit})", shrink=0.8)
    panels[0].legend(loc="best")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: UInt8Array = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return pixels


def _summary(score: PoseScore, unit: str) -> str:
    metrics = score.metrics
    return (
        f"ATE {metrics.ate:.3g} {unit}; a frame: RPE {metrics.rpe_translation:.3g} {unit}, "
        f"{metrics.rpe_rotation_deg:.3g}°; {len(score)} poses, Sim(3) aligned"
    )


def _view_axes(T_world_camera: Float64Array) -> Float64Array:
    """(3, 3) rows: along the path's main level direction, forwards, across it, and up."""
    up = -T_world_camera[:, :, 1].mean(0)
    if np.linalg.norm(up) < 1e-6:  # looking everywhere: any direction is as good
        up = np.array([0.0, 0.0, 1.0])
    up /= np.linalg.norm(up)
    positions = T_world_camera[..., 3] - T_world_camera[..., 3].mean(0)
    level = positions - np.outer(positions @ up, up)
    along = np.linalg.svd(level)[2][0]
    along -= (along @ up) * up
    if along @ (positions[-1] - positions[0]) < 0:
        along = -along
    along /= np.linalg.norm(along)
    return np.stack([along, np.cross(up, along), up])


def _draw(
    panel: Axes, true: Float64Array, estimated: Float64Array, errors: Float64Array
) -> LineCollection:
    """Both paths (N, 2) in one view; segments of the estimate have the mean error of their ends."""
    extent = float(np.abs(true - true.mean(0)).max())
    panel.plot(*true.T, color="0.75", linewidth=5, solid_joinstyle="round", label="ground truth")
    panel.plot(*true[0], "o", color="black", label="start", markersize=6)
    segments = np.stack([estimated[:-1], estimated[1:]], axis=1)
    lines = LineCollection(list(segments), cmap=_COLORS, linewidths=1.8)
    lines.set_array((errors[:-1] + errors[1:]) / 2)
    # Errors that are nothing but rounding get one colour.
    lines.set_clim(0, max(float(errors.max()), 1e-9 * extent))
    panel.add_collection(lines)
    panel.plot([], [], color=colormaps[_COLORS](0.5), label="estimate, aligned")
    panel.set_aspect("equal", adjustable="datalim")
    panel.autoscale_view()
    panel.grid(alpha=0.3)
    return lines
