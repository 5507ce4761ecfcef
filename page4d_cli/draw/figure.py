"""Matplotlib's figures as arrays, without the state that pyplot shares between threads."""

from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.types import UInt8Array

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


def pixels_of(figure: "Figure") -> UInt8Array:
    """Draw a figure: (H, W, 3) RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: UInt8Array = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return pixels
