"""Records of a TFRecord file: where each lies, and its bytes, checked.

A record is uint64 length, uint32 CRC of the length, the data, uint32 CRC of the data, all
little-endian ("TFRecords format details", tensorflow.org/tutorials/load_data/tfrecord). The CRC is
CRC32C, rotated right by 15 bits, plus a constant.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.paths import require_file

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_MASK = 0xA282EAD8
ADVICE = "download it again"


@dataclass(frozen=True)
class Span:
    """Where the data of a record lies in its file, in bytes."""

    offset: int
    length: int


def masked_crc(data: bytes) -> int:
    """The checksum that stands beside data."""
    import google_crc32c

    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def find_records(path: Path) -> tuple[Span, ...]:
    """Find all records, of which only the lengths are read.

    Raises:
        DatasetError: the file is absent, empty, cut short or no TFRecord file.
    """
    spans: list[Span] = []
    try:
        size = require_file(path).stat().st_size
        with path.open("rb") as file:
            place = 0
            while place < size:
                span = _span(path, place, file.read(_HEAD.size), len(spans))
                place = span.offset + span.length + _TAIL.size
                if place > size:
                    raise DatasetError(
                        f"{path}: record {len(spans)} has {span.length} bytes, of which "
                        f"{max(size - span.offset, 0)} are there: the file is cut short; {ADVICE}"
                    )
                spans.append(span)
                file.seek(place)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    if not spans:
        raise DatasetError(f"{path} is empty; {ADVICE}")
    return tuple(spans)


def _span(path: Path, place: int, head: bytes, number: int) -> Span:
    if len(head) < _HEAD.size:
        raise DatasetError(f"{path} is cut short within record {number}; {ADVICE}")
    length, crc = _HEAD.unpack(head)
    if crc != masked_crc(head[:8]):
        raise DatasetError(f"{path}: the length of record {number} fails its checksum; {ADVICE}")
    return Span(place + _HEAD.size, length)


def read_record(path: Path, span: Span, number: int) -> bytes:
    """Read the data of one record.

    Args:
        path: the file.
        span: of the record.
        number: of the record, for messages.

    Raises:
        DatasetError: the file is absent or cut short, or the data fail their checksum.
    """
    try:
        with require_file(path).open("rb") as file:
            file.seek(span.offset)
            data, tail = file.read(span.length), file.read(_TAIL.size)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    if len(data) < span.length or len(tail) < _TAIL.size:
        raise DatasetError(f"{path} is cut short within record {number}; {ADVICE}")
    if _TAIL.unpack(tail)[0] != masked_crc(data):
        raise DatasetError(f"{path}: the data of record {number} fail their checksum; {ADVICE}")
    return data
