"""Check the sequences of a data set: every frame is read, every check names the frames it fails."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.core.errors import DatasetError, FramesError, InputError
from page4d_cli.core.geometry import valid_depth
from page4d_cli.core.progress import Progress
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.entry import CheckLimits
from page4d_cli.data.sets.find import find_sequences, resolve_root
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.pipelines.check_data.checks import (
    Check,
    Problem,
    check_cameras,
    check_maps,
    check_tracks,
)
from page4d_cli.pipelines.check_data.depth_consistency import DepthConsistency

_UNREADABLE = (DatasetError, FramesError)
_TRACK_STEPS = 8
"""Between the frames through which tracks are checked at once."""


@dataclass(frozen=True)
class Finding:
    """A check that a sequence does not pass, or that could not be made."""

    check: Check
    frames: tuple[int, ...]
    """All that are concerned, the worst first; empty if it is the sequence as a whole."""
    message: str
    """What is wrong with the worst frame, with the frame's index and file."""


@dataclass(frozen=True)
class SequenceReport:
    """What was found out about a sequence."""

    name: str
    frames: tuple[int, ...]
    """Indices of those that could be read."""
    valid_depth: float | None
    """Mean share of pixels with depth."""
    depth_error: float | None
    """Median relative error of static depth, carried between the frames furthest apart."""
    inlier_share: float | None
    """Share of the points carried between these that agree."""
    frames_apart: int | None
    """How far these are apart at most."""
    failures: tuple[Finding, ...]
    not_judged: tuple[Finding, ...]
    """Where a check has nothing to go by: neither right nor wrong."""
    skipped: tuple[str, ...]
    """Files that cannot be read, with the reason."""
    notes: tuple[str, ...]
    """What reading left out or assumed."""

    @property
    def passed(self) -> bool:
        """Whether all checks hold that could be made."""
        return not self.failures

    @property
    def result(self) -> str:
        """`failed`, `not judged` if a check could not be made of any frame, else `passed`."""
        if self.failures:
            return "failed"
        return "passed" if all(each.frames for each in self.not_judged) else "not judged"


@dataclass(frozen=True)
class DataReport:
    """What was found out about a data set."""

    dataset: Dataset
    root: Path
    sequences: tuple[SequenceReport, ...]
    skipped: tuple[str, ...]
    """Sequences that cannot be read at all, with the reason."""

    @property
    def passed(self) -> bool:
        """Whether all checks of all sequences hold that could be made."""
        return all(report.passed for report in self.sequences)


def check_data(
    dataset: Dataset,
    root: Path | None = None,
    *,
    pinhole: Pinhole | None = None,
    on_bad: OnBad = OnBad.STOP,
    on_sequence: Callable[[RecordedSequence, SequenceReport], None] = lambda _sequence, _report: (
        None
    ),
    progress: Progress | None = None,
) -> DataReport:
    """Read everything there is of a data set and check it.

    Args:
        dataset: which kind.
        root: as in `data.sets.find.resolve_root`.
        pinhole: fx, fy, cx, cy to take instead of the data set's.
        on_bad: what to do about files that cannot be read.
        on_sequence: told about each sequence when it is checked.
        progress: told about every frame.

    Raises:
        DatasetError: there is no sequence, or a file cannot be read and `on_bad` is STOP.
        FramesError: a picture cannot be read and `on_bad` is STOP.
        InputError: the data set lacks poses or depth.
    """
    limits = DATASETS[dataset].checks
    if limits is None:
        possible = ", ".join(each.value for each, entry in DATASETS.items() if entry.checks)
        raise InputError(
            f"{dataset.value} does not have poses and depth to check against each other; those "
            f"that have: {possible}; see page4d data check"
        )
    reports, skipped = [], []
    root = resolve_root(dataset, root)
    for found in find_sequences(dataset, root):
        try:
            sequence = found.read(pinhole)
            report = check_sequence(sequence, limits, on_bad, progress)
        except _UNREADABLE as error:
            if on_bad is OnBad.STOP:
                advice = "mend it, or leave it out with --on-bad skip"
                raise type(error)(f"{error}; {advice}") from error
            skipped.append(str(error))
            continue
        reports.append(report)
        on_sequence(sequence, report)
    if not reports:
        raise DatasetError(f"no sequence below {root} can be read; the first: {skipped[0]}")
    return DataReport(dataset, root, tuple(reports), tuple(skipped))


def check_sequence(
    sequence: RecordedSequence,
    limits: CheckLimits,
    on_bad: OnBad = OnBad.STOP,
    progress: Progress | None = None,
) -> SequenceReport:
    """Read all frames of a sequence and check them.

    Args:
        sequence: whose files.
        limits: what is still right.
        on_bad: what to do about files that cannot be read.
        progress: told about every frame.

    Raises:
        DatasetError: no frame can be read, or one cannot and `on_bad` is STOP.
        FramesError: a picture cannot be read and `on_bad` is STOP.
    """
    work = _Work(sequence, limits)
    for index in range(len(sequence)):
        try:
            work.add(index)
        except _UNREADABLE as error:
            if on_bad is OnBad.STOP:
                raise
            work.skipped.append(str(error))
        if progress is not None:
            progress(f"frames of {sequence.name}", index + 1, len(sequence))
    if work.size is None:
        raise DatasetError(
            f"no frame of {sequence.name} can be read; the first: "
            f"{(*work.skipped, 'it has none')[0]}"
        )
    return work.report(work.size)


@dataclass
class _Work:
    """What is known of a sequence while its frames are read."""

    sequence: RecordedSequence
    limits: CheckLimits
    size: tuple[int, int] | None = None
    """(height, width) of the pictures."""
    frames: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consistency = DepthConsistency(self.limits.inlier_error, sparse=self.limits.sparse)
        self.usable_cameras = _usable_cameras(self.sequence, self.limits)

    def add(self, index: int) -> None:
        """Read a frame whole, then check it."""
        sequence = self.sequence
        height, width = sequence.read_image(index).shape[:2]
        depth = None if sequence.read_depth is None else sequence.read_depth(index)
        moving = None if sequence.read_moving is None else sequence.read_moving(index)
        self.frames.append(index)
        self.size = self.size or (height, width)
        if (height, width) != self.size:
            message = f"the picture is {width}×{height}, others are {self.size[1]}×{self.size[0]}"
            self.problems.append(Problem(Check.SHAPES, index, message))
        if depth is None:
            return
        problems = list(check_maps(index, (height, width), depth, moving, self.limits))
        self.problems += problems
        if not any(problem.check is Check.SHAPES for problem in problems):
            self.valid.append(float((np.isfinite(depth) & (depth > 0)).mean()))
            self._compare(index, depth, moving)

    def _compare(self, index: int, depth: NDArray[Any], moving: NDArray[np.bool_] | None) -> None:
        intrinsics, poses = self.sequence.intrinsics_of(index), self.sequence.T_camera_world
        if intrinsics is None or poses is None or not self.usable_cameras[index]:
            return
        static = valid_depth(depth)
        if moving is not None:
            static[moving] = np.nan
        self.consistency.add(index, PosedDepth(static, intrinsics, poses[index]))

    def _not_judged(self) -> Iterable[Problem]:
        errors = self.consistency.frame_errors
        blind = [index for index, error in errors.items() if np.isnan(error)]
        if len(blind) < len(errors):
            for index in blind:
                message = "no other frame sees the same static surfaces"
                yield Problem(Check.DEPTH_CONSISTENCY, index, message)
        elif len(self.frames) > 1:
            reason = _missing_part(self.sequence)
            if reason is None and len(errors) < 2:
                reason = "no two frames have depth and a usable camera"
            reason = reason or "no two frames see the same static surfaces"
            message = f"no depth could be carried between frames: {reason}"
            yield Problem(Check.DEPTH_CONSISTENCY, None, message)

    def _track_problems(self, size: tuple[int, int]) -> Iterable[Problem]:
        """Check tracks a few frames at a time: points that flow carries on get lost in the end."""
        if self.sequence.read_tracks is None:
            return
        for begin in range(0, max(1, len(self.frames) - 1), _TRACK_STEPS):
            frames = self.frames[begin : begin + _TRACK_STEPS + 1]
            tracks = self.sequence.read_tracks(frames)
            yield from check_tracks(self.sequence, tracks, frames, size, self.limits)

    def report(self, size: tuple[int, int]) -> SequenceReport:
        """Sum up."""
        problems = [
            *check_cameras(self.sequence, size, self.limits),
            *self.problems,
            *_inconsistent(self.consistency, self.limits),
        ]
        problems += self._track_problems(size)
        far = self.consistency.far
        return SequenceReport(
            name=self.sequence.name,
            frames=tuple(self.frames),
            valid_depth=float(np.mean(self.valid)) if self.valid else None,
            depth_error=self.consistency.far_error,
            inlier_share=float(np.mean([each.inlier_share for each in far])) if far else None,
            frames_apart=max((each.apart for each in far), default=None),
            failures=_grouped(self.sequence, problems),
            not_judged=_grouped(self.sequence, self._not_judged()),
            skipped=tuple(self.skipped),
            notes=self.sequence.notes,
        )


def _missing_part(sequence: RecordedSequence) -> str | None:
    """What a comparison of frames needs and a sequence lacks, with what to do."""
    if sequence.intrinsics is None:
        return "its intrinsics are unknown; give --intrinsics"
    return "it has no poses" if sequence.T_camera_world is None else None


def _usable_cameras(sequence: RecordedSequence, limits: CheckLimits) -> NDArray[np.bool_]:
    """(S,): frames whose camera is one."""
    usable = np.ones(len(sequence), np.bool_)
    for problem in check_cameras(sequence, None, limits):
        if problem.frame is not None and problem.check is not Check.TIMESTAMPS:
            usable[problem.frame] = False
    return usable


def _inconsistent(consistency: DepthConsistency, limits: CheckLimits) -> Iterable[Problem]:
    """Frames whose depth does not agree with the others', the worst first."""
    errors = consistency.frame_errors
    wrong = [index for index, error in errors.items() if error > limits.depth_error]
    for index, share in consistency.shares_in_front.items():
        # Cameras may turn away from what others see; it tells where depth does not agree.
        if share <= limits.positive_share and index in wrong:
            message = f"only {share:.0%} of the preceding frame's points are before the camera"
            yield Problem(Check.POSITIVE_DEPTH, index, message)
    for index in sorted(wrong, key=lambda index: -errors[index]):
        message = (
            f"depth carried to and from other frames is off by {errors[index]:.2%} (median); "
            f"expected {limits.depth_error:.2%} at most"
        )
        yield Problem(Check.DEPTH_CONSISTENCY, index, message)
    if consistency.far_error is not None and consistency.far_error > limits.depth_error:
        worst = max(consistency.far, key=lambda each: each.median_error)
        message = (
            f"depth carried to frame {worst.target} is off by {worst.median_error:.2%} (median), "
            f"in the whole sequence by {consistency.far_error:.2%} between frames {worst.apart} "
            f"apart; expected {limits.depth_error:.2%} at most"
        )
        yield Problem(Check.DEPTH_CONSISTENCY, worst.source, message)


def _grouped(sequence: RecordedSequence, problems: Iterable[Problem]) -> tuple[Finding, ...]:
    """One finding a check, in the order of `Check`."""
    by_check: dict[Check, list[Problem]] = {check: [] for check in Check}
    for problem in problems:
        by_check[problem.check].append(problem)
    failures = []
    for check, found in by_check.items():
        if not found:
            continue
        worst = found[0]
        frames = tuple(
            dict.fromkeys(problem.frame for problem in found if problem.frame is not None)
        )
        where = ""
        if worst.frame is not None:
            where = f"frame {worst.frame} ({sequence.frames[worst.frame].name}): "
        others = f" (and {len(frames) - 1} other frames)" if len(frames) > 1 else ""
        failures.append(Finding(check, frames, where + worst.message + others))
    return tuple(failures)
