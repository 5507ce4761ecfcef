"""Which frame of a run is which frame of a data set: by name and time stamp, never by position."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.errors import EvaluationError
from page4d_cli.data.sets.files import count_as_seconds
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.io.run.directory import Run

STAMP_TOLERANCE_S = 1e-3
"""Stamps of one frame differ by less: by what names and videos round off."""
_NAMES_IN_MESSAGE = 3


@dataclass(frozen=True)
class Matching:
    """Frames with a prediction and those without."""

    of_run: tuple[int, ...]
    """Indices into the run's frames, in the order of the data set's."""
    of_sequence: tuple[int, ...]
    """For each matched prediction, its frame's index in the sequence."""
    missing: tuple[str, ...]
    """Names of the data set's frames that have no prediction."""


def match_frames(
    run: Run, sequence: RecordedSequence, wanted: Iterable[int], others: Iterable[str] = ()
) -> Matching:
    """Find the prediction of each frame.

    A frame and its prediction have the same file name, and the same time stamp where both have one.
    Frames of a video have no names: time stamps alone tell.

    Args:
        run: whose frames.
        sequence: whose ground truth.
        wanted: indices of the sequence's frames that count.
        others: names of the data set's other sequences, whose frames can have the same names.

    Raises:
        EvaluationError: the run is of another sequence, no frame has a prediction, or names and
            time stamps contradict each other.
    """
    _require_same_sequence(run, sequence, others)
    wanted = list(wanted)
    names = [Path(frame.source).name for frame in run.manifest.frames]
    if run.manifest.timestamp_source is TimestampSource.PTS:
        partner = _by_time(run, sequence, wanted)
    else:
        partner = _by_name(run, sequence, wanted, names)
    if not partner:
        raise EvaluationError(
            f"none of the {len(names)} frames of {run.directory} ({_some(names)}) is one of the "
            f"{len(wanted)} frames of {sequence.name} "
            f"({_some([sequence.frames[index].name for index in wanted])}); frames are matched by "
            "name: predict from the data set's own pictures"
        )
    return Matching(
        of_run=tuple(partner[index] for index in wanted if index in partner),
        of_sequence=tuple(index for index in wanted if index in partner),
        missing=tuple(sequence.frames[index].name for index in wanted if index not in partner),
    )


def _by_name(
    run: Run, sequence: RecordedSequence, wanted: list[int], names: list[str]
) -> dict[int, int]:
    """Index into the run by index into the sequence."""
    row_of = {name: row for row, name in enumerate(names)}
    if len(row_of) < len(names):
        twice = next(name for row, name in enumerate(names) if row_of[name] != row)
        raise EvaluationError(
            f"{run.directory} has several frames called {twice}; give each sequence a run of its "
            "own"
        )
    pairs = {
        index: row_of[sequence.frames[index].name]
        for index in wanted
        if sequence.frames[index].name in row_of
    }
    if _is_timed(run, sequence):
        stamps_s = run.timestamps_s
        for index, row in pairs.items():
            if abs(stamps_s[row] - sequence.timestamps_s[index]) > STAMP_TOLERANCE_S:
                raise EvaluationError(
                    f"{sequence.frames[index].name} is at {stamps_s[row]:.6f} s in {run.directory} "
                    f"and at {sequence.timestamps_s[index]:.6f} s in {sequence.name}: these are "
                    "different frames; predict from the data set's own pictures"
                )
    return pairs


def _by_time(run: Run, sequence: RecordedSequence, wanted: list[int]) -> dict[int, int]:
    """The same for a video, whose frames have no names."""
    if not _is_timed(run, sequence):
        raise EvaluationError(
            f"{run.directory} is of a video and {sequence.name} has no time stamps, so nothing "
            "tells which frame is which; predict from the data set's own pictures"
        )
    stamps_s = run.timestamps_s
    order = np.argsort(stamps_s, kind="stable")
    pairs = {}
    for index in wanted:
        row = int(order[np.abs(stamps_s[order] - sequence.timestamps_s[index]).argmin()])
        if abs(stamps_s[row] - sequence.timestamps_s[index]) <= STAMP_TOLERANCE_S:
            pairs[index] = row
    return pairs


def _is_timed(run: Run, sequence: RecordedSequence) -> bool:
    """Whether both know the time of their frames."""
    counted = np.array_equal(sequence.timestamps_s, count_as_seconds(len(sequence)))
    return run.manifest.timestamp_source is not TimestampSource.INDEX and not counted


def _require_same_sequence(run: Run, sequence: RecordedSequence, others: Iterable[str]) -> None:
    folders = set(Path(run.manifest.frames[0].source).parts)
    strangers = folders & set(others) - {sequence.name}
    if strangers and sequence.name not in folders:
        raise EvaluationError(
            f"{run.directory} was made from frames of {sorted(strangers)[0]} "
            f"({run.manifest.frames[0].source}), not of {sequence.name}"
        )


def _some(names: list[str]) -> str:
    more = ", …" if len(names) > _NAMES_IN_MESSAGE else ""
    return ", ".join(names[:_NAMES_IN_MESSAGE]) + more
