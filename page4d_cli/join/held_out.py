"""Whether a path fits the pictures: pixels of overlaps that the joins have not looked at.

The depth of one window is carried along the path into a picture of the next window, which must see
it in the same place at the same depth. A loop that bends the path wrongly tears the windows apart
where it bends, however well it closes.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.reproject import PosedDepth, carry
from page4d_cli.core.types import Float64Array
from page4d_cli.join.scales import HELD_OUT, pixel_step
from page4d_cli.join.section import Section

_SAME_DEPTH = 0.1
_APART = 3
"""Parts of an overlap between the two frames that are compared."""
_MAY_FALL, _MAY_FALL_AT_A_JOIN = 0.02, 0.2
"""Shares of the pixels that may get lost: of all joins together, and of one."""
_CHANCE = 3.0
"""Deviations of a count that chance explains."""


@dataclass(frozen=True)
class Agreement:
    """Held-out pixels of every join."""

    found: Float64Array
    """(joins,) how many are seen at their depth."""
    looked_at: Float64Array
    """(joins,) how many there are."""

    @property
    def share(self) -> float:
        """Of all that were looked at."""
        return float(self.found.sum() / max(1.0, self.looked_at.sum()))

    def is_worse_than(self, before: "Agreement") -> bool:
        """Whether fewer are found, at one join or at all together, than chance explains."""
        at_a_join = before.found - self.found
        allowed = _allowed(before.found, _MAY_FALL_AT_A_JOIN)
        whole = before.found.sum(keepdims=True)
        return bool((at_a_join > allowed).any() or at_a_join.sum() > _allowed(whole, _MAY_FALL))


def measure_agreement(section: Section) -> Agreement:
    """Look for the held-out pixels of every join of a section."""
    counts = [_at_join(section, number) for number in range(len(section.pieces) - 1)]
    found, looked_at = np.array(counts, np.float64).reshape(-1, 2).T
    return Agreement(found, looked_at)


@dataclass(frozen=True)
class HeldOut:
    """How far windows agree before and after a path was bent: shares of held-out pixels."""

    before: float
    after: float
    is_worse: bool
    """Whether they agree less afterwards, beyond chance."""


def compare(section: Section, bent: Section) -> HeldOut:
    """Measure a section as its joins make it, and bent."""
    before, after = measure_agreement(section), measure_agreement(bent)
    return HeldOut(before.share, after.share, after.is_worse_than(before))


def _allowed(found: Float64Array, share: float) -> Float64Array:
    return np.maximum(_CHANCE * np.sqrt(found), share * found)


def _at_join(section: Section, number: int) -> tuple[int, int]:
    """Pixels that are found, and that were looked at."""
    pair = (number, number + 1)
    a, b = (section.pieces[place].cameras.indices for place in pair)
    shared = np.intersect1d(a, b)
    if len(shared) < 2:
        return 0, 0
    stops = np.unique(np.linspace(0, len(shared) - 1, min(len(shared), _APART + 1)).astype(int))
    found = points = 0
    for source, target in pairwise(shared[stops]):
        for mine, other in (pair, pair[::-1]):
            of_source = _posed(section, mine, int(source))
            carried = carry(_held_out(of_source), _posed(section, other, int(target)))
            known = np.isfinite(carried.found.between)
            ratio = np.log(carried.found.between[known] / carried.depth[known])
            found += int((np.abs(ratio) < _SAME_DEPTH).sum())
            points += len(carried.depth)
    return found, points


def _held_out(frame: PosedDepth) -> PosedDepth:
    looked_at = frame.every(pixel_step(frame.depth.shape))
    depth = np.full(looked_at.depth.shape, np.nan)
    rows = slice(HELD_OUT - 1, None, HELD_OUT)
    depth[rows] = looked_at.depth[rows]
    return replace(looked_at, depth=depth)


def _posed(section: Section, piece: int, frame: int) -> PosedDepth:
    """A frame as a piece's window sees it, in the joined unit and world."""
    window = section.windows[section.pieces[piece].window]
    row = frame - int(window.indices[0])
    depth = window.depth[row].astype(np.float64) * np.exp(section.log_scales[piece])
    pose = np.asarray(invert_rigid(section.path[frame - section.first_frame]), np.float64)
    return PosedDepth(np.where(depth > 0, depth, np.nan), window.intrinsics[row], pose)
