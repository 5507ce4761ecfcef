"""What is known in metres, as it is typed: `distance:…`, `poses:…`, `depth:…` or `height:…`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import expand_home
from page4d_cli.data.sets.rgbd.recording import DEPTH_SCALE
from page4d_cli.pipelines.scale.distance import KnownDistance
from page4d_cli.pipelines.scale.ground import CameraHeight
from page4d_cli.pipelines.scale.poses import KnownPoses
from page4d_cli.pipelines.scale.sensor_depth import SensorDepth

ScaleSource: TypeAlias = KnownDistance | KnownPoses | SensorDepth | CameraHeight
FORMS = (
    "distance:IMAGE_A,IMAGE_B=METRES, poses:FILE.txt, depth:DIR[=VALUES_PER_METRE] or height:METRES"
)
_LONGEST_M = 1e7


def parse_scale_source(text: str) -> ScaleSource:
    """Read what was typed after `--scale-from`; files are looked at now, before any work.

    Raises:
        InputError: it has another form, or a file or folder cannot be used.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _PARSERS or not rest.strip():
        raise InputError(f"--scale-from {text}: give {FORMS}")
    return _PARSERS[kind](text, rest)


def _distance(text: str, rest: str) -> KnownDistance:
    names, _, metres = rest.rpartition("=")
    images = tuple(name.strip() for name in names.split(","))
    if len(images) != 2 or not all(images):
        raise InputError(f"--scale-from {text}: give distance:IMAGE_A,IMAGE_B=METRES")
    if images[0] == images[1]:
        raise InputError(f"--scale-from {text}: these are one image; name two")
    return KnownDistance(text, (images[0], images[1]), _length(text, metres))


def _poses(text: str, rest: str) -> KnownPoses:
    return KnownPoses.read(text, Path(expand_home(rest)))


def _depth(text: str, rest: str) -> SensorDepth:
    folder, equals, number = rest.rpartition("=")
    if not equals or Path(expand_home(rest)).is_dir():
        return SensorDepth.of_folder(text, Path(expand_home(rest)), DEPTH_SCALE)
    values = _positive(number)
    if values is None:
        raise InputError(
            f"--scale-from {text}: {number!r} is no number of values a metre; 1000 are millimetres"
        )
    return SensorDepth.of_folder(text, Path(expand_home(folder)), values)


def _height(text: str, rest: str) -> CameraHeight:
    return CameraHeight(text, _length(text, rest))


def _length(text: str, word: str) -> float:
    metres = _positive(word)
    if metres is None or metres > _LONGEST_M:
        raise InputError(f"--scale-from {text}: {word!r} is no length; give metres above 0")
    return metres


def _positive(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


_PARSERS: dict[str, Callable[[str, str], ScaleSource]] = {
    "distance": _distance,
    "poses": _poses,
    "depth": _depth,
    "height": _height,
}
