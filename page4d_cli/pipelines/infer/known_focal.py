"""A focal length that is known, in the place of the network's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float32Array, Float64Array, FrameInfo, Frames

_LEAST = 0.1
"""Of the longer side: half as much again as any lens that keeps lines straight has, 157°."""


@dataclass(frozen=True)
class KnownCameras:
    """Intrinsics of S frames, and the depth that goes with them."""

    intrinsics: Float32Array
    """(S, 3, 3) in pixels of the maps."""
    depth_factors: Float32Array
    """(S,) what the network's depth is multiplied by."""


def require_pixels(known_px: tuple[float, float] | None, infos: Sequence[FrameInfo]) -> None:
    """Refuse a focal length that no lens has, such as one in millimetres.

    Raises:
        InputError: it is less than a tenth of a picture's longer side.
    """
    for info in infos:
        width, height = info.transform.source_size
        if known_px is not None and min(known_px) < _LEAST * max(width, height):
            raise InputError(
                f"--focal {min(known_px):g}: a picture of {width}×{height} would show nearly all "
                "that is in front of it; give pixels of the source, not millimetres"
            )


def with_known_focal(
    known_px: tuple[float, float] | None, frames: Frames, intrinsics: Float32Array
) -> KnownCameras:
    """Put the focal length that is known in the place of the network's.

    Args:
        known_px: (fx, fy) in pixels of the frames' sources; None changes nothing.
        frames: S of them.
        intrinsics: (S, 3, 3) as the network has them; principal points stay.
    """
    if known_px is None:
        return KnownCameras(intrinsics, np.ones(len(frames), np.float32))
    scales = np.array([info.transform.scale for info in frames.infos])
    known = intrinsics.astype(np.float64)
    known[:, [0, 1], [0, 1]] = scales * known_px
    factors = depth_factors(intrinsics.astype(np.float64), known, frames.size)
    return KnownCameras(known.astype(np.float32), factors.astype(np.float32))


def depth_factors(before: Float64Array, after: Float64Array, size: tuple[int, int]) -> Float64Array:
    """What depth takes if focal lengths change, so that points move as little as possible.

    A wider view moves points aside. Of all factors k of a frame this is the one with the least sum
    of |k · ray_after - ray_before|² over all pixels, whose rays have z = 1.

    Args:
        before: K (S, 3, 3); focal lengths that are not finite give 1.
        after: K (S, 3, 3) with the same principal points.
        size: (H, W).

    Returns:
        (S,).
    """
    old, new = (np.diagonal(k, axis1=1, axis2=2)[:, :2] for k in (before, after))
    spans = [np.arange(side) for side in size[::-1]]
    middles = after[:, :2, 2]
    aside = np.stack(
        [((span - middles[:, axis, None]) ** 2).mean(1) for axis, span in enumerate(spans)], -1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = (1 + (aside / (old * new)).sum(1)) / (1 + (aside / new**2).sum(1))
    return np.where(np.isfinite(old).all(1) & (old > 0).all(1), factors, 1.0)
