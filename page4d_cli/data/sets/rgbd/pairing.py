"""Which depth map and which pose belong to which picture; frames that lack one are left out.

Shapes: S frames that are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError, FramesError
from page4d_cli.core.text_table import FILE_COLUMNS, parse_number, read_poses, read_rows
from page4d_cli.core.types import Float64Array
from page4d_cli.data.clip.paths import InputKind, list_images, stamps_from_names
from page4d_cli.data.sets.files import UNTIMED, count_as_seconds
from page4d_cli.data.sets.rgbd.recording import (
    LISTS,
    MAX_DEPTH_OFFSET_S,
    MAX_POSE_OFFSET_S,
    Recording,
    associate,
)


@dataclass(frozen=True)
class Files:
    """Files in their order; if their times are known, these."""

    paths: tuple[Path, ...]
    times_s: Float64Array | None

    @classmethod
    def in_folder(cls, folder: Path) -> "Files":
        """List the pictures of a folder in natural order.

        Raises:
            DatasetError: there is none.
        """
        try:
            paths = list_images(str(folder), InputKind.FOLDER)[0]
        except FramesError as error:
            raise DatasetError(str(error)) from error
        return cls.of(paths)

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Files":
        """Take files as they are; names that are times are taken for such."""
        stamps = stamps_from_names(paths)
        return cls(tuple(paths), None if stamps is None else np.array(stamps))

    @classmethod
    def in_list(cls, path: Path) -> "Files":
        """Read rows `timestamp file`; the files are put in the order of time.

        Raises:
            DatasetError: the list is absent, empty or malformed; file and line are named.
        """
        rows = read_rows(path, FILE_COLUMNS, DatasetError)
        times_s = np.array(
            [parse_number(where, "timestamp", words[0], DatasetError) for where, words in rows]
        )
        order = np.argsort(times_s, kind="stable")
        return cls(tuple(path.parent / rows[row][1][1] for row in order), times_s[order])


@dataclass(frozen=True)
class _Candidates:
    """What belongs to pictures, one to one."""

    what: str
    """A word for one of them."""
    count: int
    limit_s: float
    """They are less than this from their picture, where times tell."""
    times_s: Float64Array | None
    stems: tuple[str, ...] = ()
    """Names of the files, where they are files."""


PairingRule = Callable[[Files, _Candidates], dict[int, int] | None]
"""Partner of each picture that has one, by index; None if the rule does not tell."""


def by_name(images: Files, others: _Candidates) -> dict[int, int] | None:
    """Pairs of one stem, if every picture or every other file has a partner.

    Names that are time stamps coincide now and then, which alone means nothing.
    """
    row_of = {stem: row for row, stem in enumerate(others.stems)}
    pairs = {i: row_of[path.stem] for i, path in enumerate(images.paths) if path.stem in row_of}
    return pairs if pairs and len(pairs) == min(len(images.paths), others.count) else None


def by_time(images: Files, others: _Candidates) -> dict[int, int] | None:
    """Time stamps, those closest together first."""
    if images.times_s is None or others.times_s is None:
        return None
    return associate(images.times_s, others.times_s, others.limit_s)


def by_position(images: Files, others: _Candidates) -> dict[int, int] | None:
    """The k-th with the k-th, if there are as many."""
    return {k: k for k in range(others.count)} if others.count == len(images.paths) else None


def read_recording(folder: Path) -> Recording:
    """Read the lists of a raw folder and put together what belongs together.

    A pose belongs to a picture if they are less than 0.02 s apart, a depth map within 0.04 s;
    nothing is used twice, the closest are paired first. What lacks one of the three is left out.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.

    Raises:
        DatasetError: a list is absent, empty or malformed (file and line are named), or no frame is
            complete.
    """
    absent = [folder / name for name in LISTS if not (folder / name).is_file()]
    if absent:
        raise DatasetError(f"{absent[0]} does not exist; a raw folder has {', '.join(LISTS)}")
    images, depths = (Files.in_list(folder / name) for name in LISTS[:2])
    return record(folder, images, depths, folder / LISTS[2], [by_time])


def record(
    folder: Path,
    images: Files,
    depths: Files | None,
    poses: Path | None,
    rules: Sequence[PairingRule],
) -> Recording:
    """Put together what belongs together; a frame that lacks its depth map or pose is left out.

    Args:
        folder: whose, for messages.
        images: the pictures.
        depths: 16-bit maps, if there are any.
        poses: a list of poses, if there is one.
        rules: the first that tells decides.

    Raises:
        DatasetError: the list of poses is malformed, it is unknown what belongs together, or no
            frame is complete.
    """
    pose_s, T_world_recorded = (None, None) if poses is None else read_poses(poses, DatasetError)
    depth_of = pose_of = None
    if depths is not None:
        stems = tuple(path.stem for path in depths.paths)
        maps = _Candidates("depth map", len(stems), MAX_DEPTH_OFFSET_S, depths.times_s, stems)
        depth_of = _pair(folder, images, maps, rules)
    if pose_s is not None:
        rows = _Candidates("pose", len(pose_s), MAX_POSE_OFFSET_S, pose_s)
        pose_of = _pair(folder, images, rows, rules)
    kept = [
        index
        for index in range(len(images.paths))
        if all(pairs is None or index in pairs for pairs in (depth_of, pose_of))
    ]
    if not kept:
        raise DatasetError(f"{folder}: no picture of {len(images.paths)} has depth and a pose")
    depth_rows = None if depth_of is None else [depth_of[index] for index in kept]
    pose_rows = None if pose_of is None else [pose_of[index] for index in kept]
    is_timed = images.times_s is not None
    return Recording(
        images=tuple(images.paths[index] for index in kept),
        depths=None if depths is None else tuple(depths.paths[row] for row in depth_rows or ()),
        timestamps_s=count_as_seconds(len(kept))
        if images.times_s is None
        else images.times_s[kept],
        T_world_recorded=_rows(T_world_recorded, pose_rows),
        pose_timestamps_s=_rows(pose_s, pose_rows) if is_timed else None,
        depth_timestamps_s=_rows(depths.times_s, depth_rows) if is_timed and depths else None,
        notes=tuple(_notes(images, depth_of, pose_of)),
    )


def _pair(
    folder: Path, images: Files, others: _Candidates, rules: Sequence[PairingRule]
) -> dict[int, int]:
    told = (rule(images, others) for rule in rules)
    pairs = next((pairs for pairs in told if pairs is not None), None)
    if pairs:
        return pairs
    why = (
        "the names tell no time by which to pair them; give as many, or name files by seconds"
        if pairs is None
        else f"none are within {others.limit_s} s; do the time stamps share one clock?"
    )
    counts = f"{len(images.paths)} pictures and {others.count} {others.what}s"
    raise DatasetError(f"{folder}: {counts}, and {why}")


def _rows(array: Float64Array | None, rows: Sequence[int] | None) -> Float64Array | None:
    return None if array is None or rows is None else array[list(rows)]


def _notes(
    images: Files, depth_of: dict[int, int] | None, pose_of: dict[int, int] | None
) -> list[str]:
    total = len(images.paths)
    notes = [
        f"{total - len(pairs)} of {total} pictures left out: no {what}"
        for what, pairs in (("depth", depth_of), ("pose", pose_of))
        if pairs is not None and len(pairs) < total
    ]
    if images.times_s is None:
        notes.append(UNTIMED)
    return notes
