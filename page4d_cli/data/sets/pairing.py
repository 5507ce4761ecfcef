"""Which depth map and which pose belong to which picture, in folders without lists of files.

Shapes: S frames that are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError, FramesError
from page4d_cli.core.types import Float64Array
from page4d_cli.data.clip.paths import InputKind, list_images, stamps_from_names
from page4d_cli.data.sets.files import UNTIMED, count_as_seconds
from page4d_cli.data.sets.rgbd import (
    MAX_DEPTH_OFFSET_S,
    MAX_POSE_OFFSET_S,
    Recording,
    associate,
    read_pose_list,
)


@dataclass(frozen=True)
class Files:
    """Files in natural order; if their names are seconds, these."""

    paths: tuple[Path, ...]
    times_s: Float64Array | None

    @classmethod
    def in_folder(cls, folder: Path) -> "Files":
        """List the pictures of a folder.

        Raises:
            DatasetError: there is none.
        """
        try:
            paths = list_images(str(folder), InputKind.FOLDER)[0]
        except FramesError as error:
            raise DatasetError(str(error)) from error
        stamps = stamps_from_names(paths)
        return cls(tuple(paths), None if stamps is None else np.array(stamps))


def record(
    folder: Path,
    images: Files,
    depths: Files | None,
    poses: Path | None,
    *,
    positions_first: bool,
) -> Recording:
    """Put together what belongs together; a frame that lacks its depth map or pose is left out.

    Args:
        folder: whose, for messages.
        images: the pictures.
        depths: 16-bit maps, if there are any.
        poses: a list of poses, if there is one.
        positions_first: equal numbers are paired by position, and time stamps decide where numbers
            differ; else time stamps decide wherever there are some.

    Raises:
        DatasetError: the list of poses is malformed, it is unknown what belongs together, or no
            frame is complete.
    """
    pose_s, T_world_recorded = (None, None) if poses is None else read_pose_list(poses)
    depth_of = pose_of = None
    if depths is not None:
        depth_of = _same_names(images, depths) or _pair(
            images, depths.times_s, len(depths.paths), MAX_DEPTH_OFFSET_S, positions_first
        )
        _require(folder, depth_of, images, f"{len(depths.paths)} depth maps")
    if pose_s is not None:
        pose_of = _pair(images, pose_s, len(pose_s), MAX_POSE_OFFSET_S, positions_first)
        _require(folder, pose_of, images, f"{len(pose_s)} poses")
    kept = [
        index
        for index in range(len(images.paths))
        if all(pairs is None or index in pairs for pairs in (depth_of, pose_of))
    ]
    depth_rows = None if depth_of is None else [depth_of[index] for index in kept]
    pose_rows = None if pose_of is None else [pose_of[index] for index in kept]
    return Recording(
        images=tuple(images.paths[index] for index in kept),
        depths=None if depths is None else tuple(depths.paths[row] for row in depth_rows or ()),
        timestamps_s=count_as_seconds(len(kept))
        if images.times_s is None
        else images.times_s[kept],
        T_world_recorded=_rows(T_world_recorded, pose_rows),
        pose_timestamps_s=None if images.times_s is None else _rows(pose_s, pose_rows),
        depth_timestamps_s=None
        if images.times_s is None or depths is None
        else _rows(depths.times_s, depth_rows),
        notes=tuple(_notes(images, depth_of, pose_of)),
    )


def _pair(
    images: Files,
    others_s: Float64Array | None,
    count: int,
    limit_s: float,
    positions_first: bool,
) -> dict[int, int] | None:
    """Partner of each picture that has one; None if neither stamps nor numbers tell."""
    by_position = {index: index for index in range(count)} if count == len(images.paths) else None
    by_time = None
    if images.times_s is not None and others_s is not None:
        by_time = associate(images.times_s, others_s, limit_s)
    first, second = (by_position, by_time) if positions_first else (by_time, by_position)
    return second if first is None else first


def _same_names(images: Files, depths: Files) -> dict[int, int] | None:
    """Pairs of one stem, if every picture or every map has a partner; else None.

    Names that are time stamps coincide now and then, which alone means nothing.
    """
    row_of = {path.stem: row for row, path in enumerate(depths.paths)}
    pairs = {
        index: row_of[path.stem] for index, path in enumerate(images.paths) if path.stem in row_of
    }
    return pairs if len(pairs) == min(len(images.paths), len(depths.paths)) else None


def _require(folder: Path, pairs: dict[int, int] | None, images: Files, others: str) -> None:
    if pairs:
        return
    why = (
        "the names tell no time by which to pair them; give as many, or name files by seconds"
        if pairs is None
        else "none are close in time; do the time stamps share one clock?"
    )
    raise DatasetError(f"{folder}: {len(images.paths)} pictures and {others}, and {why}")


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
