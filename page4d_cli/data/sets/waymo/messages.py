"""The protocol buffers of a Waymo record: the fields that are read, with their public numbers.

Names and numbers are those of `dataset.proto` and `label.proto` of the Waymo Open Dataset,
perception, version 1. Fields that are not listed are passed over, as protocol buffers do.
"""

from functools import cache
from typing import Any

_PACKAGE = "page4d.waymo"
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Transform": {"transform": (1, "double*")},
    "CameraCalibration": {
        "name": (1, "int32"),
        "intrinsic": (2, "double*"),
        "extrinsic": (3, "Transform"),
        "width": (4, "int32"),
        "height": (5, "int32"),
    },
    "LaserCalibration": {
        "name": (1, "int32"),
        "beam_inclinations": (2, "double*"),
        "beam_inclination_min": (3, "double"),
        "beam_inclination_max": (4, "double"),
        "extrinsic": (5, "Transform"),
    },
    "Context": {
        "name": (1, "string"),
        "camera_calibrations": (2, "CameraCalibration*"),
        "laser_calibrations": (3, "LaserCalibration*"),
    },
    "CameraImage": {"name": (1, "int32"), "image": (2, "bytes"), "pose": (3, "Transform")},
    "RangeImage": {
        "range_image_compressed": (2, "bytes"),
        "camera_projection_compressed": (3, "bytes"),
        "range_image_pose_compressed": (4, "bytes"),
    },
    "Laser": {"name": (1, "int32"), "ri_return1": (2, "RangeImage")},
    "Frame": {
        "context": (1, "Context"),
        "timestamp_micros": (2, "int64"),
        "pose": (3, "Transform"),
        "images": (4, "CameraImage*"),
        "lasers": (5, "Laser*"),
    },
    "MatrixShape": {"dims": (1, "int32*")},
    "MatrixFloat": {"data": (1, "float*"), "shape": (2, "MatrixShape")},
    "MatrixInt32": {"data": (1, "int32*"), "shape": (2, "MatrixShape")},
}
"""Type and number of each field; `*` is repeated, a name of a message is that message."""
PARTS = {name: number for name, (number, _) in _MESSAGES["Frame"].items()}
"""Numbers of a frame's parts."""
PARTS_OF_IMAGE = {name: number for name, (number, _) in _MESSAGES["CameraImage"].items()}
"""Numbers of the parts of a camera's picture."""


def parse(name: str, data: bytes) -> Any:  # noqa: ANN401 - a class that protobuf makes
    """Read a message.

    Args:
        name: of its type.
        data: the encoded message.

    Raises:
        ValueError: it is none.
    """
    from google.protobuf.message import DecodeError

    try:
        return message_type(name).FromString(data)
    except DecodeError as error:
        raise ValueError(f"no {name}: {error}") from error


@cache
def message_type(name: str) -> Any:  # noqa: ANN401 - a class that protobuf makes
    """The class of a message."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:  # noqa: ANN401 - protobuf's, without types
    from google.protobuf import descriptor_pool
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="waymo.proto", package=_PACKAGE, syntax="proto2")
    for message_name, fields in _MESSAGES.items():
        described = file.message_type.add(name=message_name)
        for field_name, (number, words) in fields.items():
            kind = words.rstrip("*")
            field = described.field.add(
                name=field_name,
                number=number,
                label=Field.LABEL_REPEATED if words != kind else Field.LABEL_OPTIONAL,
            )
            if kind in _MESSAGES:
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = getattr(Field, f"TYPE_{kind.upper()}")
            # As in the originals, where matrices alone are packed; readers take either.
            field.options.packed = message_name.startswith("Matrix") and kind in {"float", "int32"}
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
