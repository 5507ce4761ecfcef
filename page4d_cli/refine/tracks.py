"""Matches of pairs, put together: one point, and the frames that show it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.refine.features import Features
from page4d_cli.refine.matching import Matches

_POINTS_A_FRAME = 150
"""More add time, and little else; those that most frames show are kept."""


@dataclass(frozen=True)
class Tracks:
    """N points and their M sightings, sorted by point, then by frame."""

    point: NDArray[np.int64]
    """(M,), every number up to N - 1 at least twice."""
    frame: NDArray[np.int64]
    """(M,)."""
    pixels: Float64Array
    """(M, 2) as (u, v) in pixels of the source; whole numbers are pixel centres."""
    depth: Float64Array
    """(M,) planar z there, as the network says; NaN where it says nothing."""
    colors: UInt8Array
    """(N, 3)."""

    def __len__(self) -> int:
        return len(self.colors)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(N,) the first sighting of each point."""
        return np.searchsorted(self.point, np.arange(len(self)))

    def of_points(self, chosen: NDArray[np.bool_]) -> "Tracks":
        """Those of some of the points (N,), which are numbered anew."""
        return self.only(chosen[self.point])

    def only(self, kept: NDArray[np.bool_]) -> "Tracks":
        """Without the sightings (M,) that are not kept, and the points that lose all but one."""
        counts = np.bincount(self.point[kept], minlength=len(self))
        alive = counts >= 2
        kept = kept & alive[self.point]
        number = np.cumsum(alive) - 1
        return Tracks(
            number[self.point[kept]],
            self.frame[kept],
            self.pixels[kept],
            self.depth[kept],
            self.colors[alive],
        )


def build_tracks(features: Sequence[Features], matches: Matches) -> Tracks:
    """Join matches into tracks; what shows up twice in one frame is in doubt, and left out there.

    Args:
        features: S.
        matches: of their pairs.
    """
    first_of = np.cumsum([0, *(len(each) for each in features)])
    edges = [found + first_of[list(pair)] for pair, found in matches.items()]
    joined = np.concatenate([np.zeros((0, 2), np.int64), *edges])
    total = int(first_of[-1])
    graph = coo_array((np.ones(len(joined)), joined.T), shape=(total, total))
    label = connected_components(graph, directed=False)[1]
    node = np.unique(joined)
    frame = np.searchsorted(first_of, node, side="right") - 1
    order = np.lexsort((frame, label[node]))
    node, frame, point = node[order], frame[order], label[node][order]
    point = np.unique(point, return_inverse=True)[1].reshape(-1)
    count = int(point.max(initial=-1)) + 1
    pixels = np.concatenate([each.pixels for each in features])[node]
    depth = np.concatenate([each.depth for each in features])[node]
    first = np.searchsorted(point, np.arange(count))
    colors = np.concatenate([each.colors for each in features])[node[first]]
    tracks = Tracks(point, frame, pixels, depth, colors)
    sightings, many = np.unique(point * len(features) + frame, return_counts=True)
    doubtful = sightings[many > 1]
    tracks = tracks.only(~np.isin(point * len(features) + frame, doubtful))
    return _longest(tracks, _POINTS_A_FRAME * len(features))


def _longest(tracks: Tracks, most: int) -> Tracks:
    """The points that most frames show, at most so many."""
    lengths = np.bincount(tracks.point, minlength=len(tracks))
    kept = np.zeros(len(tracks), bool)
    kept[np.argsort(-lengths, kind="stable")[:most]] = True
    return tracks.of_points(kept)
