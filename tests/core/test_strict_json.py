import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import (
    Json,
    MistypedError,
    decode,
    encode,
    parse,
    read_json,
    to_line,
    to_text,
)


class Color(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Box:
    size: tuple[int, int]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"size is {self.size}, expected sides from 1")


@dataclass(frozen=True, kw_only=True)
class Record:
    schema: Literal[1] = 1
    name: str
    share: float
    sure: bool
    color: Color
    box: Box | None
    boxes: tuple[Box, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Json] = field(default_factory=dict)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**63 - 1)
boxes = st.builds(Box, st.tuples(st.integers(1, 9), st.integers(1, 9)), st.lists(texts).map(tuple))
anything = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)
records = st.builds(
    Record,
    name=texts,
    share=numbers,
    sure=st.booleans(),
    color=st.sampled_from(Color),
    box=st.none() | boxes,
    boxes=st.lists(boxes).map(tuple),
    counts=st.dictionaries(texts, whole),
    settings=st.dictionaries(texts, anything),
)
GIVEN = Record(
    name="é", share=0.5, sure=True, color=Color.RED, box=Box((1, 2), ("a",)), settings={"a": [None]}
)


@given(records)
def test_what_is_written_is_read_again(record):
    assert decode(Record, parse(to_text(record))) == record
    assert decode(Record, parse(to_line(record))) == record


@pytest.mark.parametrize("value", [3, 3.0, 0.5])
def test_a_number_that_may_be_a_count_stays_what_it_is(value):
    read = decode(dict[str, float | int], parse(to_line({"n": value})))["n"]
    assert read == value and type(read) is type(value)
    with pytest.raises(MistypedError, match=r"^\.n is 'a', expected a number"):
        decode(dict[str, float | int], {"n": "a"})


def changed(**keys):
    return {**encode(GIVEN), **keys}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"schema": 2}, "schema is 2, expected 1"),
        ({"schema": True}, "schema is True, expected 1"),
        ({"schema": 1.0}, "schema is 1.0, expected 1"),
        ({"name": 3}, "name is 3, expected a text"),
        ({"name": "a\0b"}, "name is 'a.x00b', expected text without NUL"),
        ({"name": "\ud800"}, "name is '.ud800', expected text of Unicode"),
        ({"counts": {"\ud800": 1}}, "counts is '.ud800', expected text of Unicode"),
        ({"share": True}, "share is True, expected a number"),
        ({"share": float("nan")}, "share is nan, expected a finite number"),
        ({"share": 10**400}, "share is 1000.*, expected a finite number"),
        ({"sure": 1}, "sure is 1, expected true or false"),
        ({"color": "green"}, "color is 'green', expected one of 'red', 'blue'"),
        ({"color": []}, r"color is \[\], expected one of"),
        ({"box": {"size": [1]}}, "box.size has 1 values, expected 2"),
        ({"box": {"size": [1, 2], "names": "a"}}, "box.names is 'a', expected a list"),
        ({"boxes": [{"size": [1, 1.5], "names": []}]}, r"boxes\[0\].size\[1\] is 1.5, expected a"),
        (
            {"boxes": [{"size": [1, 0], "names": []}]},
            r"boxes\[0\]: size is \(1, 0\), expected sides",
        ),
        ({"boxes": [{"size": [1, 2]}]}, r"boxes\[0\].names is missing"),
        ({"counts": {"a": 2**63}}, "counts.a is 9223372036854775808, expected at most 64 bits"),
        ({"settings": {"a": [float("inf")]}}, r"settings.a\[0\] is inf, expected a finite number"),
        ({"settings": {"a": "\0"}}, "settings.a is .*, expected text without NUL"),
        ({"more": 1}, "more is not a known key"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(keys, words):
    with pytest.raises(MistypedError, match=f"^{words}"):
        decode(Record, changed(**keys))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"no", b"[" * 100_000])
def test_text_that_is_no_json(text):
    with pytest.raises(MistypedError, match=r"^no JSON|^nested too deeply"):
        parse(text)


@pytest.mark.parametrize("depth", [300, 900])
def test_values_nested_too_deeply_are_an_error_of_ours_or_read(depth):
    deep = parse('{"a":' * depth + "1" + "}" * depth)
    try:
        assert decode(Record, changed(settings=deep)).settings == deep
    except MistypedError as error:
        assert "nested too deeply" in str(error)


def test_missing_keys_get_their_defaults_only_where_that_is_asked_for():
    bare = {key: value for key, value in changed().items() if key not in ("counts", "schema")}
    with pytest.raises(MistypedError, match=r"^schema is missing"):
        decode(Record, bare)
    assert decode(Record, bare, defaults=True) == GIVEN
    del bare["name"]
    with pytest.raises(MistypedError, match=r"^name is missing"):
        decode(Record, bare, defaults=True)


def test_unknown_keys_are_ignored_only_in_foreign_files():
    assert decode(Record, changed(more=1), foreign=True) == GIVEN


def test_names_of_files_that_are_no_unicode_survive():
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    text = to_text({"name": name})
    assert text.isascii() and decode(dict[str, str], parse(text)) == {"name": name}


def test_text_stays_readable():
    assert to_line({"δ": "é"}) == '{"δ": "é"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_not_written(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_line({"a": value})


def test_values_without_a_place_in_json_are_not_written():
    with pytest.raises(TypeError, match="no place in JSON"):
        encode({"a": object()})
    assert encode(Path("a") / "b") == "a/b"


def test_a_file_is_named_with_its_key_and_the_advice(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(DatasetError, match=f"^cannot read {path}: No such file .*; look again$"):
        read_json(Record, path, DatasetError, "look again")
    path.write_text(json.dumps(changed(share=None)))
    with pytest.raises(DatasetError, match=f"^{path}: share is None, expected .*; look again$"):
        read_json(Record, path, DatasetError, "look again")
    path.write_text(to_text(GIVEN))
    assert read_json(Record, path, DatasetError, "") == GIVEN
    with pytest.raises(DatasetError, match=f"^{tmp_path} is no file; look again$"):
        read_json(Record, tmp_path, DatasetError, "look again")
