"""Recordings for the Rerun viewer (rerun.io); needs the extra `rerun`."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array
from page4d_cli.io.whole.writing import writing

_JPEG_QUALITY = 90


@dataclass(frozen=True)
class LoggedFrame:
    """What a recording shows of one frame. H W pixels, N points."""

    index: int
    timestamp_s: float
    T_camera_world: Float64Array
    """(3, 4)."""
    intrinsics: Float64Array
    """(3, 3), whole numbers are pixel centres."""
    image: UInt8Array
    """(H, W, 3)."""
    depth: Float32Array
    """(H, W) planar z; what is not positive and finite is none."""
    points: Float32Array
    """(N, 3) in the world."""
    colors: UInt8Array
    """(N, 3)."""


def require_rerun() -> None:
    """Refuse at once what could not be written.

    Raises:
        InputError: the package is not installed.
    """
    if find_spec("rerun") is None:
        raise InputError(
            "--format rrd needs the package rerun-sdk, which is not installed; "
            "pip install '.[rerun]' in page4d's folder"
        )


def write_rrd(path: Path, frames: Iterable[LoggedFrame], run: Path) -> None:
    """Write a recording with the timelines `frame` and `time`.

    Entities: `world` (x right, y down, z forward), `world/camera` (camera to world),
    `world/camera/image` (pinhole, picture), `world/camera/image/depth`, `world/points` (those seen
    in the frame).

    Args:
        path: the file, replaced if it is there.
        frames: in time order, taken one at a time.
        run: absolute place of the run; the viewer shows its name, and keeps runs apart by it.

    Raises:
        InputError: the package is not installed.
        WriteError: the file cannot be written.
    """
    require_rerun()
    with warnings.catch_warnings():
        # Versions for Python 3.10 announce that they are the last ones.
        warnings.simplefilter("ignore", DeprecationWarning)
        import rerun as rr

    recording = rr.RecordingStream("page4d", recording_id=uuid5(NAMESPACE_URL, run.as_uri()))
    recording.send_recording_name(run.name)
    with writing(path):
        path.touch()  # Rerun would say nothing about a place that cannot be written to
    recording.save(path)
    recording.log("world", rr.ViewCoordinates.RDF, static=True)
    for frame in frames:
        recording.set_time("frame", sequence=frame.index)
        recording.set_time("time", duration=frame.timestamp_s)
        T_world_camera = invert_rigid(frame.T_camera_world)
        pose = rr.Transform3D(translation=T_world_camera[:, 3], mat3x3=T_world_camera[:, :3])
        recording.log("world/camera", pose)
        height, width = frame.depth.shape
        k = np.array(frame.intrinsics)
        k[:2, 2] += 0.5  # Rerun's pictures begin at the corner of the first pixel
        pinhole = rr.Pinhole(
            image_from_camera=k, resolution=[width, height], camera_xyz=rr.ViewCoordinates.RDF
        )
        recording.log("world/camera/image", pinhole)
        recording.log("world/camera/image", rr.Image(frame.image).compress(_JPEG_QUALITY))
        depth = np.where(np.isfinite(frame.depth) & (frame.depth > 0), frame.depth, 0)
        depth_image = rr.DepthImage(depth.astype(np.float32), meter=1.0)
        recording.log("world/camera/image/depth", depth_image)
        recording.log("world/points", rr.Points3D(frame.points, colors=frame.colors))
    recording.flush()
    recording.disconnect()
