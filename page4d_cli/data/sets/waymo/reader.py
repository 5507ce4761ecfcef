"""Records of the Waymo Open Dataset, perception, version 1: a TFRecord file is a sequence.

Sun et al., Scalability in Perception for Autonomous Driving, CVPR 2020. Read is the front camera,
undistorted, with the first returns of all LiDAR sensors as depth. Its pose is the vehicle's when
the picture was taken, some 50 ms after the frame's; points are carried into it by way of the world.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.data.clip.images import decode_image
from page4d_cli.data.sets.entry import CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.extra import require_modules
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.waymo.camera import WaymoCamera
from page4d_cli.data.sets.waymo.index import FRONT, RecordIndex, record_index
from page4d_cli.data.sets.waymo.lidar import depth_in_camera, read_points
from page4d_cli.data.sets.waymo.messages import parse
from page4d_cli.data.sets.waymo.records import ADVICE, Span, read_record

_SUFFIX = "_with_camera_labels"


def read_waymo(folder: Path, record: Path) -> RecordedSequence:
    """Read a record; pictures and laser data are read when they are asked for.

    Args:
        folder: in which it lies.
        record: the file.

    Raises:
        DatasetError: it is absent, cut short or no record of Waymo's, or the extra is not
            installed.
    """
    require_modules("waymo", "google.protobuf", "google_crc32c")
    index = record_index(record)
    frames = _Frames(record, index)
    count, has_depth = len(index.offset), index.laser_bytes > 0
    return RecordedSequence(
        name=record_name(folder, record),
        frames=(record,) * count,
        timestamps_s=index.timestamp_us / 1e6,
        intrinsics=frames.camera.intrinsics,
        T_camera_world=frames.camera.T_camera_world(index.T_world_vehicle[:, :3]),
        read_picture=frames.image,
        read_depth=frames.depth if has_depth.any() else None,
        depth_files=(record,) * count if has_depth.any() else None,
        notes=_notes(has_depth),
    )


def record_name(_folder: Path, record: Path) -> str:
    """Name of the sequence in a file."""
    return record.stem.removesuffix(_SUFFIX)


def _notes(has_depth: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[str, ...]:
    if not has_depth.any():
        return ("no depth: the record holds no laser data",)
    without = int((~has_depth).sum())
    return (f"{without} of {len(has_depth)} frames have no laser data",) if without else ()


class _Frames:
    """The frames of a record. A plain value: each call opens the file anew."""

    def __init__(self, record: Path, index: RecordIndex) -> None:
        self.record, self.index = record, index
        width, height = index.size.tolist()
        self.camera = WaymoCamera.from_calibration(
            index.intrinsic, index.extrinsic, (width, height)
        )

    def image(self, number: int) -> UInt8Array:
        """The front camera's picture (H, W, 3), undistorted. Raises DatasetError, FramesError."""
        where = f"{self.record}, frame {number}"
        frame = self._read(number)
        (data,) = (each.image for each in frame.images if each.name == FRONT)
        image = decode_image(data, where)
        height, width = image.shape[:2]
        if (width, height) != self.camera.size:
            expected = "×".join(map(str, self.camera.size))
            raise DatasetError(
                f"{where}: the picture is {width}×{height}, the calibration {expected}"
            )
        return self.camera.undistort_image(image)

    def depth(self, number: int) -> Float32Array:
        """LiDAR in that picture, (H, W). Raises DatasetError."""
        frame = self._read(number)
        T_camera_world = self.camera.T_camera_world(self.index.T_world_vehicle[number, :3])
        try:
            points = read_points(frame, FRONT)
        except ValueError as error:
            raise DatasetError(f"{self.record}, frame {number}: {error}; {ADVICE}") from error
        return depth_in_camera(points, self.camera, T_camera_world)

    def _read(self, number: int) -> Any:  # noqa: ANN401 - a message
        return _read_frame(self.record, self.index.span(number), number)


@lru_cache(maxsize=1)
def _read_frame(record: Path, span: Span, number: int) -> Any:  # noqa: ANN401 - a message
    """Picture and depth of a frame are asked for one after the other; it is read once for both."""
    data = read_record(record, span, number)
    try:
        return parse("Frame", data)
    except ValueError as error:
        raise DatasetError(f"{record}, frame {number}: {error}; {ADVICE}") from error


ENTRY = DatasetEntry(
    "Waymo Open Dataset, perception",
    Origin(
        "https://waymo.com/open",
        "perception, version 1, the records of training: `waymo/training_*/*.tfrecord`",
        "Waymo Dataset License Agreement for Non-Commercial Use",
        "about 1 GB a sequence, of which there are 798 to train on",
    ),
    (
        DatasetLayout(
            "records",
            "<name>_with_camera_labels.tfrecord, side by side or in folders such as training_0000",
            ("*.tfrecord",),
            read_waymo,
            sequence_name=record_name,
        ),
    ),
    CheckLimits(valid_share=0.001, depth_error=0.02, inlier_error=0.05, sparse=True),
)
