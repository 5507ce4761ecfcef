"""Which pictures, depth maps and poses of a raw RGB-D folder belong together, and which are taken.

Reads the lists only. Here stands what `page4d prepare-tum` and `page4d prepare-bonn` do
differently: how frames are counted.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Dataset, Link, Pairing
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.core.text_table import (
    FILE_COLUMNS,
    POSE_COLUMNS,
    parse_number,
    read_poses,
    read_rows,
)
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.rgbd.recording import (
    MAX_DEPTH_OFFSET_S,
    MAX_POSE_OFFSET_S,
    associate,
)


@dataclass(frozen=True)
class PrepareOptions:
    """What to take of each sequence, and how.

    Raises:
        InputError: a number is out of range, or the data set knows no pairing by index.
    """

    dataset: Dataset
    """TUM: frames are counted among those with pose and depth. BONN: in rgb.txt."""
    frames: int
    start: int
    stride: int
    pairing: Pairing = Pairing.TIMESTAMP
    link: Link = Link.COPY
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name, given, least in (
            ("frames", self.frames, 1),
            ("start", self.start, 0),
            ("stride", self.stride, 1),
        ):
            if given < least:
                raise InputError(f"{name} is {given}; give a number from {least}")
        if self.dataset not in (Dataset.TUM, Dataset.BONN):
            raise InputError(f"{self.dataset.value} needs no preparation; tum and bonn do")
        if self.pairing is Pairing.INDEX and self.dataset is not Dataset.BONN:
            raise InputError("pairing by index is for bonn only; tum is paired by time stamp")

    def describe(self) -> str:
        """One line, the same for the same settings."""
        return (
            f"page4d prepare-{self.dataset.value}: pairing {self.pairing.value}, "
            f"start {self.start}, stride {self.stride}, frames {self.frames}, "
            f"link {self.link.value}"
        )


TUM = PrepareOptions(Dataset.TUM, frames=90, start=0, stride=3)
"""Every third, the first 90."""
BONN = PrepareOptions(Dataset.BONN, frames=110, start=30, stride=1)
"""Frames 30 to 139."""


@dataclass(frozen=True)
class Row:
    """A row of a list."""

    where: str
    """File and line, for messages."""
    timestamp_s: float
    words: tuple[str, ...]
    """The row's words as they stand in the list, the time stamp first."""
    folder: Path

    @property
    def file(self) -> Path:
        """What a row of rgb.txt or depth.txt names."""
        return self.folder / self.words[1]


@dataclass(frozen=True)
class Triple:
    """What makes a frame: a picture, a depth map and a pose."""

    image: Row
    depth: Row
    pose: Row


@dataclass(frozen=True)
class Plan:
    """What is taken of a sequence."""

    triples: tuple[Triple, ...]
    pictures: int
    """How many were looked at: of TUM all, of Bonn those that the options name."""
    without_pose: int
    """How many of them have none."""
    without_depth: int
    """How many have a pose and no depth map."""

    def offsets_s(self, of: str) -> Float64Array:
        """(S,) how far in time `depth` or `pose` is from the picture, without sign."""
        return np.array(
            [abs(getattr(one, of).timestamp_s - one.image.timestamp_s) for one in self.triples]
        )


def plan_sequence(folder: Path, options: PrepareOptions) -> Plan:
    """Read the lists of a raw folder and choose.

    By time stamp, a pose belongs to a picture if they are less than 0.02 s apart, a depth map
    within 0.04 s; the closest are paired first, nothing is used twice.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.
        options: what to take.

    Raises:
        DatasetError: a list is absent, empty, malformed or out of order, or names a file that is
            not there (the list and the line are named); or nothing is left.
    """
    images = _read_list(folder / "rgb.txt", FILE_COLUMNS)
    depths = _read_list(folder / "depth.txt", FILE_COLUMNS)
    poses = _read_list(folder / "groundtruth.txt", POSE_COLUMNS)
    read_poses(folder / "groundtruth.txt", DatasetError)  # refuses what are no poses
    considered = list(range(len(images)))
    if options.dataset is Dataset.BONN:
        considered = _cut(considered, options)
    pose_of = _partners(images, poses, options.pairing, MAX_POSE_OFFSET_S)
    depth_of = _partners(images, depths, options.pairing, MAX_DEPTH_OFFSET_S)
    with_pose = [index for index in considered if index in pose_of]
    complete = [index for index in with_pose if index in depth_of]
    chosen = complete if options.dataset is Dataset.BONN else _cut(complete, options)
    if not chosen:
        raise DatasetError(_nothing(folder, options, images, complete))
    triples = [Triple(images[i], depths[depth_of[i]], poses[pose_of[i]]) for i in chosen]
    _require_files([one.image for one in triples])
    _require_files([one.depth for one in triples])
    return Plan(
        triples=tuple(triples),
        pictures=len(considered),
        without_pose=len(considered) - len(with_pose),
        without_depth=len(with_pose) - len(complete),
    )


def _cut(indices: list[int], options: PrepareOptions) -> list[int]:
    return indices[options.start :: options.stride][: options.frames]


def _partners(
    images: list[Row], others: list[Row], pairing: Pairing, limit_s: float
) -> dict[int, int]:
    """Index into `others` by index into `images`."""
    if pairing is Pairing.INDEX:
        return {index: index for index in range(min(len(images), len(others)))}
    times_s, others_s = (np.array([row.timestamp_s for row in rows]) for rows in (images, others))
    return associate(times_s, others_s, limit_s)


def _nothing(folder: Path, options: PrepareOptions, images: list[Row], complete: list[int]) -> str:
    """Say why no frame is left."""
    countable = len(images) if options.dataset is Dataset.BONN else len(complete)
    if countable > options.start:
        return f"{folder}: none of the pictures asked for has a pose and a depth map"
    if complete or options.dataset is Dataset.BONN:
        return f"{folder}: start is {options.start}, but it has {countable} frames; give less"
    return (
        f"{folder}: no picture of {len(images)} has a pose within {MAX_POSE_OFFSET_S} s and a "
        f"depth map within {MAX_DEPTH_OFFSET_S} s; do the time stamps share one clock?"
    )


def _read_list(path: Path, columns: str) -> list[Row]:
    rows = [
        Row(
            where,
            parse_number(where, "timestamp", words[0], DatasetError),
            tuple(words),
            path.parent,
        )
        for where, words in read_rows(path, columns, DatasetError)
    ]
    for before, row in pairwise(rows):
        step_s = row.timestamp_s - before.timestamp_s
        if step_s < 0 or (step_s == 0 and columns != POSE_COLUMNS):
            raise DatasetError(
                f"{row.where}: time stamp {row.words[0]} follows {before.words[0]}; "
                "expected time stamps that increase"
            )
    return rows


def _require_files(rows: list[Row]) -> None:
    """Refuse what cannot be copied into one folder under its own name."""
    seen: dict[str, Row] = {}
    for row in rows:
        if not row.file.is_file():
            raise DatasetError(f"{row.where}: {row.file} is not there; is the download complete?")
        other = seen.setdefault(row.file.name, row)
        if other is not row:
            raise DatasetError(
                f"{row.where}: {row.words[1]} has the name of {other.words[1]} ({other.where}); "
                "expected names that differ"
            )
