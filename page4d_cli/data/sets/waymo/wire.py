"""Walk over the fields of an encoded protocol buffer in a file, passing over what they hold.

protobuf reads a message whole; of a frame of some megabytes an index needs a few hundred bytes.
The encoding is public: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from page4d_cli.data.sets.waymo.records import Span

_LONGEST_HEAD = 20
"""Bytes of a field's key and of its length or value."""
_FIXED = {1: 8, 5: 4}
"""Bytes of what has the wire types of fixed width."""
_VARINT, _BYTES = 0, 2


@dataclass(frozen=True)
class Field:
    """A field of an encoded message."""

    number: int
    value: int
    """What it holds, if that is a whole number."""
    content: Span
    """Where its bytes lie in the file."""


def walk(file: BinaryIO, message: Span) -> Iterator[Field]:
    """The fields of a message, in their order.

    Raises:
        ValueError: it is no encoded message.
        OSError: the file cannot be read.
    """
    place, end = message.offset, message.offset + message.length
    while place < end:
        file.seek(place)
        head = file.read(min(_LONGEST_HEAD, end - place))
        key, used = _varint(head, 0)
        number, wire_type = key >> 3, key & 7
        if wire_type in _FIXED:
            length = _FIXED[wire_type]
        elif wire_type in (_VARINT, _BYTES):
            length, used = _varint(head, used)
        else:
            raise ValueError(f"a field has the wire type {wire_type}")
        place += used
        if wire_type == _VARINT:
            yield Field(number, length, Span(place, 0))
            continue
        if place + length > end:
            raise ValueError("a field is cut short")
        yield Field(number, 0, Span(place, length))
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number, seven bits a byte, the least first; and the place after it."""
    value = 0
    for shift, byte in enumerate(data[place : place + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, place + shift + 1
    raise ValueError("a number is cut short")
