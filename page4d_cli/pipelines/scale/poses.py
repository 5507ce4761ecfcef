"""Metres by a path that is known from elsewhere: another tracker, a robot's arm, GPS."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Head, TimestampSource
from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.rgbd.recording import MAX_POSE_OFFSET_S, associate
from page4d_cli.io.formats.camera_path import read_camera_path
from page4d_cli.pipelines.scale.seen import ClipFrames, SeenFrames, evenly

_LEAST_EXTENT = 1e-9
"""Of a path, relative to its distance from the origin: what rounding leaves of none."""


@dataclass(frozen=True)
class KnownPoses:
    """A path from elsewhere, in metres if it is to tell them."""

    text: str
    """As it was typed."""
    path: Path
    timestamps_s: Float64Array
    """(P,)."""
    T_world_camera: Float64Array
    """(P, 3, 4); of the scale, only positions count."""
    heads = frozenset({Head.CAMERA})
    """What must be predicted."""

    @classmethod
    def read(cls, text: str, path: Path) -> "KnownPoses":
        """Read a file of any form that `read_camera_path` knows.

        Raises:
            InputError: it cannot be read, is of several worlds, or has fewer than two poses.
        """
        read = read_camera_path(path)
        if len(read.timestamps_s) < 2:
            raise InputError(f"{path} has one pose; a distance needs two or more")
        return cls(text, path, read.timestamps_s, read.T_world_camera)

    def require(self, clip: ClipFrames) -> None:
        """Refuse frames of which this says nothing.

        Raises:
            InputError: fewer than two frames have a pose, by their time stamps.
        """
        self.pairs(clip)

    def factors(self, seen: SeenFrames) -> Float64Array:
        """(N,) metres a unit of length, for each of the frames that have a pose.

        That of a frame is the median of its distances from the others, true over predicted, where
        long ones count more. So neither world nor rotation matters, and single wrong positions do
        not.

        Raises:
            InputError: fewer than two frames have a pose, or a path does not move.
        """
        pairs = self.pairs(seen)
        known = [place for place in pairs if np.isfinite(seen.T_world_camera[place]).all()]
        if len(known) < 2:
            raise InputError(f"{self.text}: fewer than two frames have a camera and a pose")
        places = evenly(known)
        predicted = seen.T_world_camera[places][..., 3]
        true = self.T_world_camera[[pairs[place] for place in places], :, 3]
        _require_motion(f"{self.text}: the predicted camera", predicted)
        _require_motion(f"{self.text}: the path in {self.path}", true)
        lengths, true_lengths = _distances(predicted), _distances(true)
        rows = [
            _weighted_median(true_row[row > 0] / row[row > 0], row[row > 0])
            for true_row, row in zip(true_lengths, lengths, strict=True)
            if (row > 0).any()
        ]
        found = np.array(rows)
        return found[found > 0]

    def pairs(self, clip: ClipFrames) -> dict[int, int]:
        """Pose by frame, in the frames' order.

        Raises:
            InputError: fewer than two frames have one, by their time stamps.
        """
        times_s = np.array([info.timestamp_s for info in clip.infos])
        is_counted = clip.timestamp_source is TimestampSource.INDEX
        if is_counted and (self.timestamps_s != np.rint(self.timestamps_s)).any():
            raise InputError(
                f"{self.path} has time stamps such as {self._some_stamp():.6f}, and the frames "
                "have none, they are counted; give the frames' numbers there in place of times"
            )
        pairs = associate(times_s, self.timestamps_s, MAX_POSE_OFFSET_S)
        if len(pairs) < 2:
            spans = [
                f"{times.min():.3f} to {times.max():.3f} s"
                for times in (self.timestamps_s, times_s)
            ]
            raise InputError(
                f"{self.path} has poses of {spans[0]}, the frames are of {spans[1]}: {len(pairs)} "
                f"have one within {MAX_POSE_OFFSET_S} s, two are needed; give both one clock"
            )
        return dict(sorted(pairs.items()))

    def _some_stamp(self) -> float:
        return float(self.timestamps_s[self.timestamps_s != np.rint(self.timestamps_s)][0])


def _require_motion(what: str, positions: Float64Array) -> None:
    extent = float(np.ptp(positions, axis=0).max())
    if extent <= _LEAST_EXTENT * float(np.abs(positions).max()):
        raise InputError(f"{what} does not move, so that there is no length to compare")


def _distances(positions: Float64Array) -> Float64Array:
    return np.asarray(np.linalg.norm(positions[:, None] - positions[None], axis=-1))


def _weighted_median(values: Float64Array, weights: Float64Array) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heaped, heaped[-1] / 2)])
