"""Metres by the distance between two cameras."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float64Array, FrameInfo
from page4d_cli.pipelines.scale.seen import ClipFrames, SeenFrames

_LEAST_SHARE = 1e-9
"""Of the path's distance from the origin: what rounding leaves between equal places."""


@dataclass(frozen=True)
class KnownDistance:
    """How far two cameras are from one another."""

    text: str
    """As it was typed."""
    images: tuple[str, str]
    metres: float
    heads = frozenset({Head.CAMERA})
    """What must be predicted."""

    def require(self, clip: ClipFrames) -> None:
        """Refuse frames of which this says nothing.

        Raises:
            InputError: an image is not among them, or several are called so.
        """
        for image in self.images:
            _place_of(image, clip)

    def factors(self, seen: SeenFrames) -> Float64Array:
        """(1,) metres a unit of length.

        Raises:
            InputError: an image is not among the frames, or the cameras are at one place.
        """
        a, b = (_place_of(image, seen) for image in self.images)
        centres = seen.T_world_camera[..., 3]
        apart = float(np.linalg.norm(centres[a] - centres[b]))
        if not np.isfinite(apart):
            raise InputError(f"{self.text}: one of the two has no usable camera; name others")
        if apart <= _LEAST_SHARE * float(np.nanmax(np.abs(centres), initial=0.0)):
            raise InputError(
                f"{self.text}: the two cameras are predicted at one place; name two that are apart"
            )
        return np.array([self.metres / apart])


def _place_of(image: str, clip: ClipFrames) -> int:
    """A frame by its stem, its file, or its number in the source."""
    for name_of in (_stem, _file, _path, _number):
        places = [place for place, info in enumerate(clip.infos) if name_of(info) == image]
        if len(places) == 1:
            return places[0]
        if places:
            raise InputError(
                f"distance: {len(places)} frames are called {image}; give the name of its files in "
                f"the run, such as {clip.infos[places[0]].stem}"
            )
    some = ", ".join(info.stem for info in clip.infos[:3])
    raise InputError(
        f"distance: {image} is none of the {len(clip.infos)} frames ({some}, …); give the name of "
        "a picture, or a frame's number"
    )


def _stem(info: FrameInfo) -> str:
    return info.stem


def _file(info: FrameInfo) -> str:
    return Path(info.source).name


def _path(info: FrameInfo) -> str:
    return info.source


def _number(info: FrameInfo) -> str:
    return str(info.index)
