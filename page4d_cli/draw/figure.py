"""Matplotlib's figures as arrays, without the state that pyplot shares between threads."""

from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.types import Float64Array, UInt8Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 120


def two_panels(title: str, inches: tuple[float, float]) -> "tuple[Figure, list[Axes]]":
    """Begin a figure of two panels side by side under a title."""
    from matplotlib.figure import Figure

    figure = Figure(inches, dpi=_DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title)
    return figure, list(figure.subplots(1, 2))


def show_from(panel: "Axes", points: Float64Array, right: int, up: int) -> None:
    """Give a panel limits of one length, which all views of the points share, and a grid.

    Args:
        panel: what is drawn on.
        points: (N, 3), all that is to be seen.
        right: axis of the points that goes to the right.
        up: axis that goes up the page.
    """
    low, high = points.min(0), points.max(0)
    half = max(0.55 * float((high - low).max()), np.finfo(np.float64).tiny)
    middle = (low + high) / 2
    panel.set_xlim(middle[right] - half, middle[right] + half)
    panel.set_ylim(middle[up] - half, middle[up] + half)
    panel.set_aspect("equal")
    panel.locator_params(nbins=6)
    panel.grid(alpha=0.3)


def pixels_of(figure: "Figure") -> UInt8Array:
    """Draw a figure: (H, W, 3) RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: UInt8Array = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return pixels
