from io import BytesIO

import pytest

from page4d_cli.data.sets.waymo.messages import message_type
from page4d_cli.data.sets.waymo.records import Span
from page4d_cli.data.sets.waymo.wire import walk


def fields(data):
    return list(walk(BytesIO(b"..." + data), Span(3, len(data))))


def test_fields_are_those_that_protobuf_wrote():
    message = message_type("LaserCalibration")(name=300, beam_inclination_min=0.5)
    message.beam_inclinations.extend([1.0, 2.0])
    message.extrinsic.transform.append(3.0)
    data = message.SerializeToString()
    found = fields(data)
    assert [field.number for field in found] == [1, 2, 2, 3, 5]
    assert found[0].value == 300
    last = found[-1].content
    inner = (b"..." + data)[last.offset : last.offset + last.length]
    assert message_type("Transform").FromString(inner).transform == [3.0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x05ab", "a field is cut short"),
        (b"\x80", "a number is cut short"),
        (b"\x08" + b"\xff" * 12, "a number is cut short"),
        (b"\x0b", "a field has the wire type 3"),
    ],
)
def test_other_bytes_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        fields(data)
