"""Bring the windows of a long video to metres, once they are joined."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.geometry import invert_rigid, valid_depth
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.types import Float64Array, FrameInfo, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.io.run.manifest import ScaleRecord
from page4d_cli.join.join import JoinedPath, Piece
from page4d_cli.pipelines.scale.measure import measure_scales
from page4d_cli.pipelines.scale.seen import SeenFrames
from page4d_cli.pipelines.scale.source import ScaleSource


def path_in_metres(
    source: ScaleSource,
    windows: Sequence[Window],
    path: JoinedPath,
    infos: Sequence[FrameInfo],
    timestamp_source: TimestampSource,
) -> tuple[JoinedPath, tuple[ScaleRecord, ...]]:
    """Measure the unit of each segment of a joined path, and multiply by it.

    Args:
        source: what is known in metres.
        windows: that were joined.
        path: what came of it.
        infos: F, of its frames; the transforms lead to the pixels of the windows' maps.
        timestamp_source: of the infos.

    Returns:
        The path with its windows' factors in metres, and what was measured, segment by segment.

    Raises:
        InputError: the source says nothing of a segment, or does not fit it.
    """
    segments = [
        _seen(
            windows,
            path,
            np.flatnonzero(path.is_seen & (path.segment == number)),
            infos,
            timestamp_source,
        )
        for number in np.unique(path.segment[path.is_seen])
    ]
    records = measure_scales(source, segments)
    return _scaled(path, np.array([record.factor for record in records])), records


def _seen(
    windows: Sequence[Window],
    path: JoinedPath,
    rows: Int64Array,
    infos: Sequence[FrameInfo],
    timestamp_source: TimestampSource,
) -> SeenFrames:
    """The frames of a segment, by their rows in the path."""

    def posed_depth(place: int) -> PosedDepth:
        row = int(rows[place])
        frame = row + path.first_frame
        piece = max(
            (piece for piece in path.pieces if frame in piece.frames),
            key=lambda piece: _inwardness(piece, frame),
        )
        window = windows[piece.window]
        at = frame - int(window.indices[0])
        depth = infos[row].transform.without_padding(window.depth[at])
        return PosedDepth(
            valid_depth(depth) * np.exp(piece.log_scale),
            window.intrinsics[at],
            np.asarray(invert_rigid(path.T_world_camera[row]), np.float64),
        )

    mine = [infos[row] for row in rows]
    return SeenFrames(mine, timestamp_source, path.T_world_camera[rows], posed_depth)


def _inwardness(piece: Piece, frame: int) -> int:
    return min(frame - piece.frames.start, piece.frames.stop - 1 - frame)


def _scaled(path: JoinedPath, factors: Float64Array) -> JoinedPath:
    """Multiply all lengths, each by the factor of its segment."""
    numbers = np.searchsorted(np.unique(path.segment[path.is_seen]), path.segment)
    of_frame = factors[numbers]
    poses = path.T_world_camera.copy()
    poses[..., 3] *= of_frame[:, None]
    pieces = [
        replace(
            piece,
            log_scale=piece.log_scale
            + float(np.log(of_frame[piece.frames.start - path.first_frame])),
        )
        for piece in path.pieces
    ]
    return replace(path, T_world_camera=poses, pieces=tuple(pieces))
