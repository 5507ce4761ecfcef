"""What a Waymo record says of its frames, without reading their pictures and laser data.

A record holds a gigabyte, of which this is a few kilobytes. It is found out once (`kept.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from page4d_cli.core.arrays import ArrayKind, ArraySpec
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float64Array, Int64Array
from page4d_cli.data.sets.kept import kept_arrays
from page4d_cli.data.sets.waymo.lidar import matrix_4x4
from page4d_cli.data.sets.waymo.messages import PARTS, PARTS_OF_IMAGE, parse
from page4d_cli.data.sets.waymo.records import ADVICE, Span, find_records
from page4d_cli.data.sets.waymo.wire import Field, walk

FRONT = 1
"""The camera that looks ahead."""
_VERSION = "waymo 1"
"""Of what is kept."""


@dataclass(frozen=True)
class RecordIndex:
    """S frames of a record."""

    offset: Int64Array
    """(S,) bytes, of the frame's data in the file."""
    length: Int64Array
    """(S,) bytes."""
    timestamp_us: Int64Array
    """(S,)."""
    T_world_vehicle: Float64Array
    """(S, 4, 4) when the front camera took its picture."""
    laser_bytes: Int64Array
    """(S,) of laser data."""
    intrinsic: Float64Array
    """(9,) of the front camera, as `WaymoCamera.from_calibration` takes it."""
    extrinsic: Float64Array
    """(4, 4)."""
    size: Int64Array
    """(2,) width and height."""

    def span(self, index: int) -> Span:
        """Where a frame's data lie."""
        return Span(int(self.offset[index]), int(self.length[index]))


_COUNTS = ArraySpec(ArrayKind.NUMBER, ("S",))
_SPECS = {
    "offset": _COUNTS,
    "length": _COUNTS,
    "timestamp_us": _COUNTS,
    "T_world_vehicle": ArraySpec(ArrayKind.FLOAT, ("S", 4, 4)),
    "laser_bytes": _COUNTS,
    "intrinsic": ArraySpec(ArrayKind.FLOAT, (9,)),
    "extrinsic": ArraySpec(ArrayKind.FLOAT, (4, 4)),
    "size": ArraySpec(ArrayKind.NUMBER, (2,)),
}


def record_index(path: Path) -> RecordIndex:
    """Find out, or look up, what a record says of its frames.

    Raises:
        DatasetError: the file is absent, cut short, or no record of Waymo's.
    """
    arrays = kept_arrays(path, _VERSION, _SPECS, lambda path: vars(build_index(path)))
    return RecordIndex(**arrays)


def build_index(path: Path) -> RecordIndex:
    """Go through the frames of a record, passing over pictures and laser data.

    Raises:
        DatasetError: as in `record_index`.
    """
    spans = find_records(path)
    frames: list[_Frame] = []
    try:
        with path.open("rb") as file:
            for span in spans:
                frames.append(_look_at(file, span))
            camera = _front_camera(_bytes_of(file, frames[0].context))
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        number = min(len(frames), len(spans) - 1)
        raise DatasetError(
            f"{path}: record {number} is no frame of Waymo's: {error}; {ADVICE}"
        ) from error
    return RecordIndex(
        offset=np.array([span.offset for span in spans]),
        length=np.array([span.length for span in spans]),
        timestamp_us=np.array([frame.timestamp_us for frame in frames]),
        T_world_vehicle=np.stack([frame.T_world_vehicle for frame in frames]),
        laser_bytes=np.array([frame.laser_bytes for frame in frames]),
        intrinsic=np.array(camera.intrinsic, np.float64),
        extrinsic=matrix_4x4(camera.extrinsic),
        size=np.array([camera.width, camera.height]),
    )


def _front_camera(context: bytes) -> Any:  # noqa: ANN401 - a message
    """The calibration of the front camera.

    Raises:
        ValueError: there is none.
    """
    for camera in parse("Context", context).camera_calibrations:
        if camera.name == FRONT and len(camera.intrinsic) == 9:
            return camera
    raise ValueError("its front camera is not calibrated")


@dataclass(frozen=True)
class _Frame:
    """What is taken of a frame."""

    context: Span
    timestamp_us: int
    T_world_vehicle: Float64Array
    """(4, 4)."""
    laser_bytes: int


def _look_at(file: BinaryIO, frame: Span) -> _Frame:
    """Find the parts of a frame.

    Raises:
        ValueError: it lacks one, or is none.
    """
    parts: dict[int, list[Field]] = {number: [] for number in PARTS.values()}
    for part in walk(file, frame):
        parts.setdefault(part.number, []).append(part)
    for name in ("context", "timestamp_micros", "pose", "images"):
        if not parts[PARTS[name]]:
            raise ValueError(f"it has no {name}")
    images = [
        {inner.number: inner for inner in walk(file, image.content)}
        for image in parts[PARTS["images"]]
    ]
    front = next((image for image in images if _name_of(image) == FRONT), None)
    if front is None:
        raise ValueError("it has no picture of the front camera")
    pose = front.get(PARTS_OF_IMAGE["pose"], parts[PARTS["pose"]][0])
    return _Frame(
        context=parts[PARTS["context"]][0].content,
        timestamp_us=parts[PARTS["timestamp_micros"]][0].value,
        T_world_vehicle=matrix_4x4(parse("Transform", _bytes_of(file, pose.content))),
        laser_bytes=sum(laser.content.length for laser in parts[PARTS["lasers"]]),
    )


def _name_of(image: dict[int, Field]) -> int:
    name = image.get(PARTS_OF_IMAGE["name"])
    return 0 if name is None else name.value


def _bytes_of(file: BinaryIO, span: Span) -> bytes:
    file.seek(span.offset)
    return file.read(span.length)
