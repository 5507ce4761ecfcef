"""What was prepared: frames kept and left out, and how far in time what is paired is apart."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from page4d_cli.pipelines.prepare.plan import Plan, PrepareOptions


class Status(str, Enum):
    """What was done for a sequence."""

    PREPARED = "prepared"
    UNCHANGED = "unchanged"
    """All was there already."""
    REPAIRED = "repaired"
    """Files were missing or cut short, and are there again."""
    REPLACED = "replaced"
    """What was there has gone."""


@dataclass(frozen=True)
class Offset:
    """How far pictures are in time from what belongs to them, in milliseconds."""

    median: float
    worst: float


@dataclass(frozen=True)
class Prepared:
    """What was taken of a sequence."""

    name: str
    folder: str
    """Where rgb_N, depth_N and the lists are."""
    status: Status
    frames: int
    frames_asked: int
    pictures: int
    """How many were looked at: of TUM all, of Bonn those asked for."""
    without_pose: int
    """Left out of these."""
    without_depth: int
    """Left out of these, although they have a pose."""
    depth_offset_ms: Offset
    pose_offset_ms: Offset


@dataclass(frozen=True)
class UnpreparedSequence:
    """A sequence that could not be prepared."""

    name: str
    error: str


@dataclass(frozen=True)
class PrepareReport:
    """What was done."""

    settings: PrepareOptions
    sequences: tuple[Prepared, ...]
    failures: tuple[UnpreparedSequence, ...]


def report_sequence(
    name: str, place: Path, status: Status, plan: Plan, options: PrepareOptions
) -> Prepared:
    """Say what was taken of a sequence.

    Args:
        name: the sequence's.
        place: where it was written.
        status: what was done.
        plan: what was taken.
        options: what was asked for.
    """
    return Prepared(
        name=name,
        folder=str(place),
        status=status,
        frames=len(plan.triples),
        frames_asked=options.frames,
        pictures=plan.pictures,
        without_pose=plan.without_pose,
        without_depth=plan.without_depth,
        depth_offset_ms=_offset(plan, "depth"),
        pose_offset_ms=_offset(plan, "pose"),
    )


def _offset(plan: Plan, of: str) -> Offset:
    # Epoch seconds in float64 are exact to some 0.2 µs, so more digits would be noise.
    offsets_ms = np.round(1000 * plan.offsets_s(of), 3)
    return Offset(round(float(np.median(offsets_ms)), 3), float(offsets_ms.max()))
