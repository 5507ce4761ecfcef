"""The steps of a refinement: match, join, adjust from coarse to fine, judge, let depth follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float64Array
from page4d_cli.refine.adjust import State, adjust, adjust_points, errors_px, place_points
from page4d_cli.refine.bodies import stands
from page4d_cli.refine.cameras import FOCAL_ONLY, Cameras, Freedom
from page4d_cli.refine.depth import UNCHANGED, LogScale, depth_scales
from page4d_cli.refine.features import Features
from page4d_cli.refine.judge import Verdict, explains_better, inlier_limit_px, judge
from page4d_cli.refine.matching import Matches, choose_pairs, match_pair
from page4d_cli.refine.tracks import Tracks, build_tracks
from page4d_cli.refine.world import laid_over

SCALES_PX = (20.0, 8.0, 3.0, 1.0, 0.5)
"""Of the loss, round by round, in pictures of 450 pixels; those of the last two in any picture."""
DISTORTION_PX = 1.0
"""Distortion is looked for from this scale on; with wrong matches about, it would run away."""
_HELD_OUT = 10
"""One track of so many judges."""


@dataclass(frozen=True)
class Round:
    """One pass of the adjustment."""

    scale_px: float
    """Cauchy's scale."""
    median_px: float
    """Median error of the sightings afterwards."""


@dataclass(frozen=True)
class Refined:
    """What was found. S frames; the unit and the world are those of the network."""

    cameras: Cameras
    """Refined where the verdict takes them, else as they were."""
    verdict: Verdict
    tracks: Tracks
    """Points and sightings that agree, of the frames that were taken."""
    points: Float64Array
    """(N, 3) in the world."""
    point_errors_px: Float64Array
    """(N,) mean over the sightings."""
    depth: list[LogScale]
    """S: what the logarithm of each frame's depth is raised by."""
    rounds: tuple[Round, ...]
    pairs: int
    """Frames that were compared."""
    matches: int
    """Sightings that pairs of them share."""


def refine_cameras(
    features: Sequence[Features],
    network: Cameras,
    sizes: NDArray[np.int64],
    free: Freedom = FOCAL_ONLY,
    *,
    earlier: Refined | None = None,
    progress: Progress | None = None,
) -> Refined:
    """Refine a clip's cameras.

    Args:
        features: S, with the network's depth; without those on what moves.
        network: the cameras as it says.
        sizes: (S, 2) width and height of the pictures.
        free: what of the lenses may change.
        earlier: what was found with less knowledge of what moves: where to begin, and what is
            returned if its cameras explain held-out points as well.
        progress: told about every pair and every round.

    Raises:
        InputError: pycolmap is not installed.
    """
    unit = _typical_depth(features)
    before = network.scaled(1 / unit)
    begin = before if earlier is None else _as_many(earlier.cameras, network).scaled(1 / unit)
    features = [each.with_depth(each.depth / unit) for each in features]
    matches, compared = _match_all(features, begin, sizes, progress)
    tracks = build_tracks(features, matches)
    is_judge = np.random.default_rng(0).permutation(len(tracks)) % _HELD_OUT == 0
    used, judges = tracks.of_points(~is_judge), tracks.of_points(is_judge)
    longest = int(sizes.max())
    limit_px = inlier_limit_px(longest)
    used, state, rounds = _adjust_coarse_to_fine(used, begin, before, free, longest, progress)
    if earlier is not None and not explains_better(judges, begin, state.cameras, limit_px):
        return earlier
    verdict = judge(judges, used, before, state, limit_px)
    refined = Refined(
        network,
        verdict,
        used.only(np.zeros(len(used.point), bool)),
        np.zeros((0, 3)),
        np.zeros(0),
        [UNCHANGED] * len(features),
        tuple(rounds),
        compared,
        sum(map(len, matches.values())),
    )
    if not verdict.is_taken.any():
        return refined
    state = laid_over(state, before, verdict.is_taken)
    return _taken(refined, used, state, sizes, limit_px, unit)


def _typical_depth(features: Sequence[Features]) -> float:
    depth = np.concatenate([each.depth for each in features])
    known = depth[np.isfinite(depth)]
    return float(np.median(known)) if len(known) else 1.0


def _match_all(
    features: Sequence[Features],
    cameras: Cameras,
    sizes: NDArray[np.int64],
    progress: Progress | None,
) -> tuple[Matches, int]:
    pairs = choose_pairs(cameras, features, sizes)
    matches: Matches = {}
    for done, pair in enumerate(pairs, start=1):
        found = match_pair(cameras, features, pair, sizes)
        if len(found):
            matches[pair] = found
        if progress is not None:
            progress("matches", done, len(pairs))
    return matches, len(pairs)


def _adjust_coarse_to_fine(
    tracks: Tracks,
    begin: Cameras,
    network: Cameras,
    free: Freedom,
    longest_side: int,
    progress: Progress | None,
) -> tuple[Tracks, State, list[Round]]:
    """The tracks of what stands still, what they say, and how it was found."""
    state = State(begin, place_points(tracks, begin))
    rounds: list[Round] = []
    if not len(tracks):
        return tracks, state, rounds
    still = np.ones(len(tracks), bool)
    for done, scale in enumerate(SCALES_PX, start=1):
        scale_px = scale * max(1.0, longest_side / 450) if scale > 1 else scale
        fine = replace(free, distortion=free.distortion and scale <= DISTORTION_PX)
        state = adjust_points(tracks, state, scale_px)
        if rounds:
            still = stands(tracks, state)
        used = tracks.of_points(still)
        found = adjust(used, State(state.cameras, state.points[still]), network, scale_px, fine)
        points = state.points.copy()
        points[still] = found.points
        state = State(found.cameras, points)
        rounds.append(Round(scale_px, float(np.median(errors_px(used, found)))))
        if progress is not None:
            progress("adjustment", done, len(SCALES_PX))
    return used, found, rounds


def _taken(
    refined: Refined,
    used: Tracks,
    state: State,
    sizes: NDArray[np.int64],
    limit_px: float,
    unit: float,
) -> Refined:
    """Put together what the verdict leaves, in the network's unit."""
    network, is_taken = refined.cameras, refined.verdict.is_taken
    is_good = (errors_px(used, state) < limit_px) & is_taken[used.frame]
    depth = depth_scales(used, state, sizes, is_good)
    depth = [each if taken else UNCHANGED for each, taken in zip(depth, is_taken, strict=True)]
    counts = np.bincount(used.point[is_good], minlength=len(used))
    tracks, points = used.only(is_good), state.points[counts >= 2]
    errors = errors_px(tracks, replace(state, points=points))
    return replace(
        refined,
        cameras=_mixed(network, state.cameras.scaled(unit), is_taken),
        tracks=replace(tracks, depth=tracks.depth * unit),
        points=points * unit,
        point_errors_px=np.bincount(tracks.point, errors) / np.bincount(tracks.point),
        depth=depth,
    )


def _as_many(mixed: Cameras, network: Cameras) -> Cameras:
    """Undo what `_mixed` did to the numbers of the cameras: frames of one size share theirs."""
    count = len(network.intrinsics)
    return Cameras(
        mixed.T_camera_world, mixed.intrinsics[:count], network.camera_of_frame, mixed.k1[:count]
    )


def _mixed(old: Cameras, new: Cameras, is_taken: NDArray[np.bool_]) -> Cameras:
    """New cameras where they are taken; old ones, with their intrinsics, elsewhere."""
    count = len(old.intrinsics)
    return Cameras(
        np.where(is_taken[:, None, None], new.T_camera_world, old.T_camera_world),
        np.concatenate([new.intrinsics, old.intrinsics]),
        np.where(is_taken, new.camera_of_frame, old.camera_of_frame + count),
        np.concatenate([new.k1, old.k1]),
    )
