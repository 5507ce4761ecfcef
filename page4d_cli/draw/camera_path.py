"""The path of a run's cameras as a picture, from above and from the side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.draw.colormaps import TIME
from page4d_cli.draw.figure import pixels_of, show_from, two_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_INCHES = (11.0, 5.6)
_MOST_ARROWS = 24
_ARROW_SHARE = 0.12
"""Length of the arrows, as a share of the path's extent."""
_X, _Y, _Z = 0, 1, 2
_AXIS_NAMES = ("x, right", "y, down", "z, forward")
_VIEWS = (("from above", _X, _Z), ("from the side", _Z, _Y))
"""Title, axis to the right, axis along the paper's height; y is turned, for down to be down."""


def draw_camera_path(
    T_world_camera: FloatArray,
    frame_numbers: Sequence[int],
    unit: LengthUnit = LengthUnit.RELATIVE,
) -> UInt8Array:
    """Draw where the cameras are and where they look, both views on one scale with equal axes.

    The world is the first camera, an OpenCV camera: from above is along its y axis, from the side
    is against its x axis. Safe in any thread.

    Args:
        T_world_camera: (S, 3, 4) camera-to-world, all finite.
        frame_numbers: S, what the colours stand for.
        unit: of the positions.

    Returns:
        (H, W, 3) RGB.

    Raises:
        ValueError: no cameras, another shape, another count, or a value that is not finite.
    """
    poses = np.asarray(T_world_camera, np.float64)
    count = len(frame_numbers)
    if not count or poses.shape != (count, 3, 4) or not np.isfinite(poses).all():
        raise ValueError(
            f"T_world_camera {poses.shape} of {count} frames: expected finite (S, 3, 4)"
        )

    from matplotlib.ticker import MaxNLocator

    positions = poses[..., 3]
    arrows = poses[..., 2] * (_ARROW_SHARE * _extent(positions))
    figure, panels = two_panels(_title(positions, unit), _INCHES)
    for panel, view in zip(panels, _VIEWS, strict=True):
        dots = _draw(panel, view, positions, arrows, frame_numbers)
        _, right, up = view
        panel.set_xlabel(f"{_AXIS_NAMES[right]} ({unit.value})")
        panel.set_ylabel(f"{_AXIS_NAMES[up]} ({unit.value})")
    whole = MaxNLocator(integer=True)
    figure.colorbar(dots, ax=panels, label="frame", ticks=whole, shrink=0.8, pad=0.02)
    panels[0].legend(loc="best")
    return pixels_of(figure)


def _title(positions: Float64Array, unit: LengthUnit) -> str:
    length = np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()
    cameras = "1 camera" if len(positions) == 1 else f"{len(positions)} cameras"
    units = "relative units" if unit is LengthUnit.RELATIVE else unit.value
    return (
        f"{cameras}, path of {length:.3g} ({units}), arrows show where they look\n"
        "world: the first camera, OpenCV axes"
    )


def _extent(positions: Float64Array) -> float:
    """Longest side of the path's box; 1 for cameras that stand still."""
    extent = float(np.ptp(positions, axis=0).max())
    rounding = 1e-9 * float(np.abs(positions).max())
    return extent if extent > rounding else 1.0


def _draw(
    panel: "Axes",
    view: tuple[str, int, int],
    positions: Float64Array,
    arrows: Float64Array,
    frame_numbers: Sequence[int],
) -> "PathCollection":
    title, right, up = view
    along, across = positions[:, right], positions[:, up]
    panel.plot(along, across, color="0.55", linewidth=1, zorder=1)
    some = np.unique(np.linspace(0, len(positions) - 1, _MOST_ARROWS).round().astype(int))
    panel.quiver(
        along[some],
        across[some],
        arrows[some, right],
        arrows[some, up],
        np.asarray(frame_numbers)[some],
        cmap=TIME,
        clim=(min(frame_numbers), max(frame_numbers)),
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.004,
        zorder=2,
    )
    dots = panel.scatter(along, across, c=frame_numbers, cmap=TIME, s=14, zorder=3)
    start = f"start, frame {frame_numbers[0]}"
    panel.plot(along[0], across[0], "o", color="tab:red", fillstyle="none", ms=11, label=start)
    show_from(panel, np.concatenate([positions, positions + arrows]), right, up)
    panel.set(title=title)
    if up == _Y:
        panel.invert_yaxis()
    return dots
