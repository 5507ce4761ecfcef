"""Choose the points of a clip's coloured cloud."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import (
    FloatArray,
    has_usable_focal_length,
    valid_depth,
    world_points_from_depth,
)
from page4d_cli.core.types import Float32Array, FrameInfo, Pictures, UInt8Array

ScalarT = TypeVar("ScalarT", bound=np.generic)
CONFIDENCE_PERCENTILE = 30.0
"""Pixels below this percentile of the clip's confidence are left out. Its scale means nothing: an
absolute threshold would give an empty cloud for one clip and noise for another."""
MAX_POINTS = 1_000_000
SAMPLES_FOR_THRESHOLD = 2_000_000


class ColoredFrames(Protocol):
    """`core.types.Frames`, or pictures whose sizes differ."""

    @property
    def images(self) -> Sequence[UInt8Array] | Pictures:
        """S pictures (H, W, 3)."""

    @property
    def infos(self) -> Sequence[FrameInfo]:
        """S of them."""


@dataclass(frozen=True)
class Cloud:
    """A coloured cloud in the world of the clip, and how it was chosen."""

    points: Float32Array
    """(N, 3)."""
    colors: UInt8Array
    """(N, 3)."""
    confidence: Float32Array
    """(N,)."""
    frame_indices: NDArray[np.int32]
    """(N,) the frame that each point was seen in; ascending."""
    pixels: NDArray[np.int32]
    """(N,) the pixel of its map that each point is of, counted row by row."""
    candidates: int
    """Pixels with a usable depth and camera."""
    confidence_threshold: float

    def starts(self, frames: int) -> NDArray[np.int64]:
        """(frames + 1,): the points of frame s are those from starts[s] to starts[s + 1]."""
        return np.searchsorted(self.frame_indices, np.arange(frames + 1))

    def read(self, maps: Sequence[NDArray[ScalarT]]) -> NDArray[ScalarT]:
        """Values (N,) of S maps (H, W) at the pixels of the points."""
        bounds = pairwise(self.starts(len(maps)))
        values = [
            map_.reshape(-1)[self.pixels[start:end]]
            for map_, (start, end) in zip(maps, bounds, strict=True)
        ]
        return np.concatenate(values)

    def take(self, chosen: NDArray[np.intp]) -> "Cloud":
        """The points at these indices, which must ascend."""
        return replace(
            self,
            points=self.points[chosen],
            colors=self.colors[chosen],
            confidence=self.confidence[chosen],
            frame_indices=self.frame_indices[chosen],
            pixels=self.pixels[chosen],
        )


def choose_cloud(
    frames: ColoredFrames,
    depth: Sequence[Float32Array],
    confidence: Sequence[Float32Array],
    extrinsics: FloatArray,
    intrinsics: FloatArray,
    *,
    max_points: int = MAX_POINTS,
    confidence_percentile: float = CONFIDENCE_PERCENTILE,
    keep: Sequence[NDArray[np.bool_]] | None = None,
) -> Cloud:
    """Unproject the pixels that the network is surest of.

    Maps may be read from files when they are asked for: those of one frame are needed at a time,
    and each four times.

    Args:
        frames: S of them; padding is left out.
        depth: S maps (H, W).
        confidence: S maps (H, W).
        extrinsics: (S, 3, 4) T_camera_world.
        intrinsics: (S, 3, 3) in pixels of the maps.
        max_points: above this an even random choice (always the same) is made.
        confidence_percentile: pixels below this percentile of the clip's confidence are left out.
        keep: S masks (H, W) of the pixels that may be taken, such as the static ones; they do not
            change the confidence that is asked for.
    """
    count = len(frames.infos)

    def usable(index: int) -> NDArray[np.bool_]:
        if np.isfinite(extrinsics[index]).all() and has_usable_focal_length(intrinsics[index]):
            return _usable(frames, index, depth[index], confidence[index])
        return np.zeros(depth[index].shape, bool)

    def kept(index: int) -> NDArray[np.bool_]:
        mask = usable(index) & (confidence[index] >= threshold)
        return mask if keep is None else mask & keep[index]

    candidates = sum(int(usable(index).sum()) for index in range(count))
    threshold = _threshold(
        (confidence[index][usable(index)] for index in range(count)),
        candidates,
        confidence_percentile,
    )
    counts = _shares([int(kept(index).sum()) for index in range(count)], max_points)
    rng = np.random.default_rng(0)
    points = [np.empty((0, 3), np.float32)]
    colors = [np.empty((0, 3), np.uint8)]
    sureness = [np.empty(0, np.float32)]
    places = [np.empty(0, np.int32)]
    for index in range(count):
        mask = kept(index)
        pixels = np.flatnonzero(mask)
        pixels = rng.choice(pixels, counts[index], replace=False, shuffle=False)
        if not len(pixels):
            continue
        usable_depth = np.where(mask, depth[index], 0).astype(np.float64)
        world = world_points_from_depth(usable_depth, intrinsics[index], extrinsics[index])
        points.append(world.reshape(-1, 3)[pixels].astype(np.float32))
        colors.append(frames.images[index].reshape(-1, 3)[pixels])
        sureness.append(confidence[index].reshape(-1)[pixels])
        places.append(pixels.astype(np.int32))
    return Cloud(
        np.concatenate(points),
        np.concatenate(colors),
        np.concatenate(sureness),
        np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        np.concatenate(places),
        candidates=candidates,
        confidence_threshold=threshold,
    )


def one_per_voxel(cloud: Cloud, size: float) -> Cloud:
    """Keep the surest point of every cube of a grid; of equally sure ones, the first.

    Args:
        cloud: what to thin out.
        size: edge of a cube, in the unit of the cloud.
    """
    cells = np.floor(cloud.points / np.float64(size))
    surest_first = np.argsort(-cloud.confidence, kind="stable")
    _, first = np.unique(cells[surest_first], axis=0, return_index=True)
    return cloud.take(np.sort(surest_first[first]))


def thin_cloud(cloud: Cloud, max_points: int) -> Cloud:
    """Thin a cloud out at random, always in the same way, to a number of points."""
    count = len(cloud.points)
    if count <= max_points:
        return cloud
    chosen = np.random.default_rng(0).choice(count, max_points, replace=False, shuffle=False)
    return cloud.take(np.sort(chosen))


def _usable(
    frames: ColoredFrames, index: int, depth: Float32Array, confidence: Float32Array
) -> NDArray[np.bool_]:
    shown = frames.infos[index].transform.without_padding(depth)
    return np.isfinite(valid_depth(shown)) & np.isfinite(confidence)


def _shares(counts: Sequence[int], most: int) -> list[int]:
    """How many of each frame to take, evenly, so that there are `most` together, or all."""
    ends = np.cumsum([0, *counts])
    total = int(ends[-1])
    shares: list[int] = np.diff(ends * min(most, total) // max(total, 1)).tolist()
    return shares


def _threshold(sureness: Iterable[Float32Array], count: int, percentile: float) -> float:
    """The percentile over the clip, from a regular sample: at least some pixels reach it.

    Args:
        sureness: of the candidates, frame by frame.
        count: how many candidates there are.
        percentile: of their confidence.
    """
    if count == 0:
        return 0.0
    step = max(1, count // SAMPLES_FOR_THRESHOLD)
    sample = np.concatenate([of_frame[::step] for of_frame in sureness])
    return float(np.percentile(sample, percentile))
