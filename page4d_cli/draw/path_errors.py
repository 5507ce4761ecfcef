"""A picture of an estimated camera path beside the true one."""

from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.draw.colormaps import ERROR
from page4d_cli.draw.figure import pixels_of, show_from, two_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection

_INCHES = (11.0, 5.5)


def draw_path_errors(
    estimated: Float64Array,
    true: Float64Array,
    errors: Float64Array,
    title: str,
    *,
    unit: str = "m",
) -> UInt8Array:
    """Draw the aligned estimate, coloured by its error, over ground truth, from above and the side.

    Which way is up, a world does not say: up is taken to be where the tops of the pictures point on
    average, and the view from the side is the one in which the path is longest.

    Args:
        estimated: (S, 3, 4) camera-to-world, aligned.
        true: (S, 3, 4) camera-to-world.
        errors: (S,) distances of the positions.
        title: heading of the picture.
        unit: of the ground truth's lengths.

    Returns:
        (H, W, 3) RGB.
    """
    axes_world = _view_axes(true)
    true_view, estimated_view = (
        (poses[..., 3] - true[0, :, 3]) @ axes_world.T for poses in (true, estimated)
    )
    figure, panels = two_panels(title, _INCHES)
    views = (("from above", (0, 1), "across"), ("from the side", (0, 2), "up"))
    for panel, (name, columns, vertical) in zip(panels, views, strict=True):
        lines = _draw(panel, true_view[:, columns], estimated_view[:, columns], errors)
        show_from(panel, np.concatenate([true_view, estimated_view]), *columns)
        panel.set(title=name, xlabel=f"along ({unit})", ylabel=f"{vertical} ({unit})")
    figure.colorbar(lines, ax=panels, label=f"position error ({unit})", shrink=0.8)
    panels[0].legend(loc="best")
    return pixels_of(figure)


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
    panel: "Axes", true: Float64Array, estimated: Float64Array, errors: Float64Array
) -> "LineCollection":
    """Both paths (N, 2) in one view; segments of the estimate have the mean error of their ends."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    extent = float(np.abs(true - true.mean(0)).max())
    panel.plot(*true.T, color="0.75", linewidth=5, solid_joinstyle="round", label="ground truth")
    panel.plot(*true[0], "o", color="black", label="start", markersize=6)
    segments = np.stack([estimated[:-1], estimated[1:]], axis=1)
    lines = LineCollection(list(segments), cmap=ERROR, linewidths=1.8)
    lines.set_array((errors[:-1] + errors[1:]) / 2)
    # Errors that are nothing but rounding get one colour.
    lines.set_clim(0, max(float(errors.max()), 1e-9 * extent))
    panel.add_collection(lines)
    panel.plot([], [], color=colormaps[ERROR](0.5), label="estimate, aligned")
    return lines
