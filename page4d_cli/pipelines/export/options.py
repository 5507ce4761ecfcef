"""Choices of an export that concern some formats only. Free of numpy, as all that is typed."""

from dataclasses import dataclass, fields
from math import inf

from page4d_cli.core.enums import Pictures
from page4d_cli.core.errors import InputError


@dataclass(frozen=True)
class FormatOptions:
    """What single formats are asked for; who heeds what is in `WRITERS`.

    Raises:
        InputError: a number is out of range.
    """

    depth_scale: float | None = None
    """Values of depth-png per unit of depth; None: the deepest pixel gets the largest value."""
    half: bool = False
    """16-bit floats in exr."""
    points: bool = False
    """Points of the world beside the depth in exr."""

    images: Pictures = Pictures.LINK
    """How pictures come into colmap, nerfstudio and dynamic."""

    def __post_init__(self) -> None:
        scale = self.depth_scale
        if scale is not None and not 0 < scale < inf:
            raise InputError(f"--depth-scale {scale:g}: give a number above 0, or auto")

    @property
    def given(self) -> list[str]:
        """The options of the command line that were given."""
        return [
            "--" + each.name.replace("_", "-")
            for each in fields(self)
            if getattr(self, each.name) != each.default
        ]
