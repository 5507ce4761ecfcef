"""One factor a window: how long its unit is, from the frames that it shares with the one before.

Two things tell the ratio of two windows' units: how far the cameras say to have gone, and how deep
the pixels of the same frame are. Both are measured with their spread and joined by it. Then the
ratios of the whole video are looked at together. If they hardly differ from 1 by more than they are
uncertain, the network keeps its unit, and following every ratio would add up noise; if they do, the
unit wanders or jumps. Both happen, and no fixed choice between them is right (`settle_log_scales`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.core.window import Window, WindowCameras, shared_frames
from page4d_cli.join.robust import centre, deviation

_BLOCKS = 6
"""Parts of an overlap whose camera ratios are compared."""
_CELLS = (3, 4, 3)
"""Frames, rows and columns of the grid whose depth ratios are compared: (blocks, columns, rows)."""
_USUAL_ERROR, _USUAL_STEPS = 0.01, 1
"""Relative error of a step beforehand, and how many measured steps that counts as."""
_LEAST_PIXELS = 20
_INDEPENDENT_CELLS = 3
"""Distortions of depth are wide and long: cells are alike, and count as no more than these."""
_FAR = 8.0
"""Median depths beyond which a pixel may be sky."""
_MOST_PIXELS_A_FRAME = 3000
HELD_OUT = 4
"""Of the pixels that are looked at, every fourth row is left to `held_out`."""
_CREEP = 0.004
"""Deviation of what all windows' scales grow by from their beginning to their end.

Where the unit walks, it is not told apart from the walk, which is then followed."""
_OWN = np.array([0.0, 0.5, 1.0, 2.0])
"""A window's own error, in deviations of a measured ratio; larger ones are changes."""
_STEADY = 4.0
"""Log of how much likelier a unit that stays is beforehand than each way of walking."""
_JUMP = 6.0
"""Deviations from the other ratios beyond which a ratio is a jump of its own."""

_ANCHOR = 1e-9
"""Keeps a window where it is that nothing was measured of."""


@dataclass(frozen=True)
class LogRatio:
    """Log of (unit of one window / unit of the other), and how far off it may be."""

    value: float
    variance: float
    """Infinite if nothing is known."""


UNKNOWN = LogRatio(0.0, np.inf)


def fuse(a: LogRatio, b: LogRatio) -> LogRatio:
    """The mean of two measurements, each by its certainty."""
    certainty = 1 / a.variance + 1 / b.variance
    if certainty == 0:
        return UNKNOWN
    return LogRatio((a.value / a.variance + b.value / b.variance) / certainty, 1 / certainty)


def camera_ratio(a: WindowCameras, b: WindowCameras) -> LogRatio:
    """Log of (way of b / way of a) over the frames that both see."""
    in_a, in_b = shared_frames(a.indices, b.indices)
    stride = min(max(1, len(in_a) // _BLOCKS), len(in_a) - 1)
    if stride < 1:
        return UNKNOWN
    centres_a, centres_b = a.T_world_camera[in_a, :, 3], b.T_world_camera[in_b, :, 3]
    ways_a = np.linalg.norm(centres_a[stride:] - centres_a[:-stride], axis=1)
    ways_b = np.linalg.norm(centres_b[stride:] - centres_b[:-stride], axis=1)
    blocks_a, blocks_b = ways_a[::stride], ways_b[::stride]
    moved = (blocks_a > 0) & (blocks_b > 0)
    if not moved.any():
        return UNKNOWN
    value = float(np.log(ways_b.sum() / ways_a.sum()))
    apart = np.log(blocks_b[moved] / blocks_a[moved]) - value
    across = _directions(a, in_a, stride)[moved] - _directions(b, in_b, stride)[moved]
    errors = np.maximum(apart**2, (across**2).sum(1) / 2)
    count = len(errors)
    spread = np.average(errors, weights=blocks_a[moved])
    usual = _USUAL_STEPS * _USUAL_ERROR**2
    return LogRatio(value, float((count * spread + usual) / (count + _USUAL_STEPS) / count))


def _directions(window: WindowCameras, rows: Int64Array, stride: int) -> Float64Array:
    """Unit vectors (M, 3) of the ways of blocks, in the camera before them.

    Who errs in a way's length errs across it just as much, and across both windows must agree.
    """
    path = window.T_world_camera[rows]
    ways = np.einsum(
        "nji,nj->ni", path[:-stride, :, :3], path[stride:, :, 3] - path[:-stride, :, 3]
    )[::stride]
    return np.asarray(ways / np.maximum(np.linalg.norm(ways, axis=1), 1e-300)[:, None])


def depth_ratio(a: Window, b: Window, frames: Int64Array | None = None) -> LogRatio:
    """Log of (depth of b / depth of a) over the pixels that both see.

    Args:
        a: a window.
        b: another one.
        frames: numbers of the frames that are to be looked at; all by default.
    """
    in_a, in_b = shared_frames(a.indices, b.indices)
    if frames is not None:
        wanted = np.isin(a.indices[in_a], frames)
        in_a, in_b = in_a[wanted], in_b[wanted]
    if not len(in_a):
        return UNKNOWN
    step = pixel_step(a.depth.shape[1:])
    depth_a = a.depth[in_a, ::step, ::step].astype(np.float64)
    depth_b = b.depth[in_b, ::step, ::step].astype(np.float64)
    valid = _is_near(depth_a) & _is_near(depth_b)
    valid[:, HELD_OUT - 1 :: HELD_OUT] = False
    if valid.sum() < _LEAST_PIXELS:
        return UNKNOWN
    ratio = np.full(depth_a.shape, np.nan)
    ratio[valid] = np.log(depth_b[valid]) - np.log(depth_a[valid])
    spread = max(deviation(_cell_medians(ratio)), 1e-3)
    return LogRatio(centre(ratio[valid]), spread**2 / _INDEPENDENT_CELLS)


def pixel_step(size: tuple[int, ...]) -> int:
    """Every how many rows and columns a pixel of maps (H, W) is looked at."""
    return max(1, int(np.sqrt(size[0] * size[1] / _MOST_PIXELS_A_FRAME)))


def settle_log_scales(ratios: list[LogRatio]) -> Float64Array:
    """How the unit really changes from window to window, given what was measured.

    Ratios y are modelled as y = d + e. The changes d are independent with an unknown deviation τ,
    single jumps exempt. The errors e have the measured variances, an unknown part of each window
    that enters its two joins with opposite signs and, if the unit stays, a part common to all. The
    result is the mean of d over τ and the windows' part, each weighted by its likelihood.

    Args:
        ratios: J of neighbouring windows; an unknown one counts as no change.

    Returns:
        (J,) log of the change of unit.
    """
    measured = np.array([ratio.value for ratio in ratios])
    variance = np.array([ratio.variance for ratio in ratios])
    known = np.isfinite(variance)
    settled = np.zeros(len(ratios))
    if known.sum() < 2:
        settled[known] = measured[known]
        return settled
    settled[known] = _expected_changes(measured[known], variance[known])
    return settled


def change_along_chain(
    log_scales: Float64Array, measured: Sequence[LogRatio], variances: Float64Array
) -> Float64Array:
    """What to add to each window's log scale: what was measured, smooth along the chain.

    The most likely values, if both the measurements and the changes from window to window are
    normal with the given variances.
    """
    values = np.array([ratio.value for ratio in measured]) - log_scales
    certain = 1 / np.array([ratio.variance for ratio in measured])
    if len(values) == 1:
        return values * (certain > 0)  # no bands to speak of
    tied = 1 / variances
    banded = np.zeros((2, len(values)))
    banded[1] = certain + _ANCHOR * certain.max()
    banded[1, :-1] += tied
    banded[1, 1:] += tied
    banded[0, 1:] = -tied
    return np.asarray(solveh_banded(banded, certain * values), np.float64)


def _expected_changes(measured: Float64Array, variance: Float64Array) -> Float64Array:
    count = len(measured)
    spread = max(deviation(measured), float(np.sqrt(np.median(variance))))
    jumps = np.abs(measured - np.median(measured)) > _JUMP * spread
    size = float(np.sqrt(np.mean(measured[~jumps] ** 2))) + 1e-6
    alternating = 2 * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)
    alone, common = np.diag(variance), _CREEP**2 * np.ones((count, count))
    likelihoods, means = [], []
    for walk in (0.0, *size * np.geomspace(0.1, 2, 10)):
        changes = walk**2 + jumps
        fixed = alone + common if walk == 0 else alone
        for own in _OWN * np.sqrt(np.median(variance)):
            lower = np.linalg.cholesky(fixed + own**2 * alternating + np.diag(changes))
            white = np.linalg.solve(lower, measured)
            likelihood = -0.5 * white @ white - np.log(np.diag(lower)).sum()
            likelihoods.append(likelihood + (_STEADY if walk == 0 else 0.0))
            means.append(changes * np.linalg.solve(lower.T, white))
    weights = np.exp(np.array(likelihoods) - max(likelihoods))
    return np.asarray(weights @ np.array(means) / weights.sum(), np.float64)


def _is_near(depth: Float64Array) -> NDArray[np.bool_]:
    valid = depth > 0
    return valid & (depth < _FAR * np.median(depth[valid])) if valid.any() else valid


def _cell_medians(ratio: Float64Array) -> Float64Array:
    blocks, columns, rows = _CELLS
    medians = []
    for frames in np.array_split(ratio, min(blocks, len(ratio)), axis=0):
        for band in np.array_split(frames, rows, axis=1):
            for cell in np.array_split(band, columns, axis=2):
                values = cell[np.isfinite(cell)]
                if len(values) >= _LEAST_PIXELS:
                    medians.append(float(np.median(values)))
    return np.array(medians or [0.0])
