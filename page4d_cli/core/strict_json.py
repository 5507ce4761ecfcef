"""Dataclasses <-> JSON, strictly: what is missing, unknown or of another type is an error.

The one codec of all files that say what lies beside them. Knows the types that these are made of:
str, int, float, bool, `None`, enums, literals, tuples, dicts with string keys, unions with `None`,
`float | int`, which keeps counts whole, dataclasses of these, and `Json`, which is taken as it is.
A dataclass may refuse values by raising ValueError in `__post_init__`.
"""

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import Path, PurePath
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from page4d_cli.core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
    """What the standard `json` module writes."""
else:
    Json = object  # recursion that `get_type_hints` would follow

T = TypeVar("T")
_TOO_DEEP = "nested too deeply to be read"
_WHOLE = range(-(2**63), 2**63)


class MistypedError(ValueError):
    """A JSON value does not have the declared type; the message begins with its key."""


def encode(value: object) -> Json:
    """Turn a value into what `json.dumps` takes; tuples become lists, paths and enums text.

    Raises:
        TypeError: it is of no type named in the module's docstring.
    """
    if isinstance(value, Enum):
        return encode(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return encode_fields(value)
    raise TypeError(f"{value!r} has no place in JSON")


def encode_fields(value: "DataclassInstance") -> dict[str, Json]:
    """`encode` of a dataclass, which is an object with a key for each field."""
    return {field.name: encode(getattr(value, field.name)) for field in fields(value)}


def to_line(value: object) -> str:
    """A value as JSON in one line.

    Raises:
        TypeError: it is of no type named in the module's docstring.
        ValueError: a number is not finite.
    """
    return _dumps(value, indent=None)


def to_text(value: object) -> str:
    """A value as the JSON of a file, for people too; arguments and errors as in `to_line`."""
    return _dumps(value, indent=2) + "\n"


def _dumps(value: object, *, indent: int | None) -> str:
    text = json.dumps(encode(value), indent=indent, allow_nan=False, ensure_ascii=False)
    # File names that are no UTF-8 hold lone surrogates, whose JSON is what Python's escape is.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parse(text: str | bytes) -> Json:
    """Read JSON.

    Raises:
        MistypedError: it is none, no UTF-8, or nested without end.
    """
    try:
        value: Json = json.loads(text)
    except RecursionError as error:
        raise MistypedError(_TOO_DEEP) from error
    except ValueError as error:
        raise MistypedError(f"no JSON: {error}") from error
    return value


def read_json(
    kind: type[T],
    path: Path,
    error: type[InputError],
    advice: str,
    *,
    defaults: bool = False,
    foreign: bool = False,
) -> T:
    """Read a JSON file as a value of a type.

    Args:
        kind: a type named in the module's docstring.
        path: the file.
        error: what to raise.
        advice: what to do about a file that cannot be used, for the message.
        defaults: keys that are missing get their defaults, where they have one.
        foreign: keys that are unknown are ignored: the file is not ours.

    Returns:
        An instance of `kind`.

    Raises:
        InputError: of the class `error`; the file is absent, no JSON, or a value is missing,
            unknown, of another type or not allowed. The message names file and key.
    """
    try:
        if path.exists() and not path.is_file():
            raise error(f"{path} is no file; {advice}")
        return decode(kind, parse(path.read_bytes()), defaults=defaults, foreign=foreign)
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror}; {advice}") from reason
    except MistypedError as reason:
        raise error(f"{path}: {reason}; {advice}") from reason


def decode(
    kind: type[T], value: Json, key: str = "", *, defaults: bool = False, foreign: bool = False
) -> T:
    """Turn JSON into a value of a type; the inverse of `encode`.

    Args:
        kind: a type named in the module's docstring.
        value: parsed JSON.
        key: where the value stands, for messages; "" is the top.
        defaults: keys that are missing get their defaults, where they have one.
        foreign: keys that are unknown are ignored.

    Returns:
        An instance of `kind`.

    Raises:
        MistypedError: the value, or one inside it, is of another type or not allowed.
    """
    try:
        result: T = _Decoder(defaults, foreign).decode(kind, value, key)
    except RecursionError as error:
        raise MistypedError(_TOO_DEEP) from error
    return result


@dataclass(frozen=True)
class _Decoder:
    """How lenient it is; `Any` is a type, or a value of that type."""

    defaults: bool
    foreign: bool

    def decode(self, kind: Any, value: Json, key: str) -> Any:  # noqa: ANN401
        if kind is Json:
            return self._decode_any(value, key)
        origin, arguments = _form_of(kind)
        if origin in (Union, types.UnionType):
            if value is None and types.NoneType in arguments:
                return None
            inner = [each for each in arguments if each is not types.NoneType]
            return self.decode(type(value) if type(value) in inner else inner[0], value, key)
        if origin is Literal:
            return _require_one_of(arguments, value, key)
        if origin is tuple:
            return self._decode_tuple(arguments, value, key)
        if origin is dict:
            items = _require(dict, value, key, "an object").items()
            return {
                _text(name, key): self.decode(arguments[1], item, f"{key}.{name}")
                for name, item in items
            }
        if is_dataclass(kind):
            return self._decode_dataclass(kind, value, key)
        return _decode_scalar(kind, value, key)

    def _decode_any(self, value: Json, key: str) -> Json:
        """Take JSON as it is, but for numbers and texts that nobody could use."""
        if isinstance(value, list):
            return [self._decode_any(item, f"{key}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                _text(name, key): self._decode_any(item, f"{key}.{name}")
                for name, item in value.items()
            }
        if value is not None:
            _decode_scalar(type(value), value, key)
        return value

    def _decode_tuple(self, arguments: tuple[Any, ...], value: Json, key: str) -> tuple[Any, ...]:
        items = _require(list, value, key, "a list")
        if arguments[-1] is Ellipsis:
            arguments = arguments[:1] * len(items)
        if len(items) != len(arguments):
            raise MistypedError(f"{key} has {len(items)} values, expected {len(arguments)}")
        return tuple(
            self.decode(argument, item, f"{key}[{index}]")
            for index, (argument, item) in enumerate(zip(arguments, items, strict=True))
        )

    def _decode_dataclass(self, kind: Any, value: Json, key: str) -> Any:  # noqa: ANN401
        given = _require(dict, value, key, "an object")
        prefix = f"{key}." if key else ""
        hints = _hints_of(kind)
        taken = {}
        for field in fields(kind):
            if field.name in given:
                taken[field.name] = self.decode(
                    hints[field.name], given[field.name], prefix + field.name
                )
            elif not (self.defaults and _has_default(field)):
                raise MistypedError(f"{prefix}{field.name} is missing")
        unknown = [name for name in given if name not in hints]
        if unknown and not self.foreign:
            raise MistypedError(f"{prefix}{unknown[0]} is not a known key")
        try:
            return kind(**taken)
        except ValueError as error:
            raise MistypedError(f"{key}: {error}" if key else str(error)) from error


@cache
def _hints_of(kind: Any) -> dict[str, Any]:  # noqa: ANN401  # a dataclass
    """Types of its fields; finding them takes longer than all else, and lists have many items."""
    return get_type_hints(kind)


@cache
def _form_of(kind: Any) -> tuple[Any, tuple[Any, ...]]:  # noqa: ANN401  # a type
    """What a generic type is of, and its arguments; an index file asks a hundred times."""
    return get_origin(kind), get_args(kind)


def _has_default(field: Any) -> bool:  # noqa: ANN401  # dataclasses.Field of any type
    return (field.default, field.default_factory) != (MISSING, MISSING)


def _require(kind: type, value: Json, key: str, words: str) -> Any:  # noqa: ANN401  # a `kind`
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise MistypedError(f"{key or 'the top level'} is {_short(value)}, expected {words}")
    return value


def _require_one_of(allowed: Sequence[Any], value: Json, key: str) -> Any:  # noqa: ANN401
    for each in allowed:
        if type(each) is type(value) and each == value:
            return each
    words = ", ".join(repr(each) for each in allowed)
    expected = words if len(allowed) == 1 else f"one of {words}"
    raise MistypedError(f"{key} is {_short(value)}, expected {expected}")


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _decode_scalar(kind: Any, value: Json, key: str) -> Any:  # noqa: ANN401  # a `kind`
    if kind is str:
        return _text(_require(str, value, key, "a text"), key)
    if kind is float:
        return _number(value, key)
    if kind is int:
        if _require(int, value, key, "a whole number") not in _WHOLE:
            raise MistypedError(f"{key} is {_short(value)}, expected at most 64 bits")
        return value
    if kind is bool:
        return _require(bool, value, key, "true or false")
    return kind(_require_one_of([member.value for member in kind], value, key))


def _number(value: Json, key: str) -> float:
    if not isinstance(value, float):
        _require(int, value, key, "a number")
    try:
        number = float(value)  # type: ignore[arg-type]  # it is one of the two
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise MistypedError(f"{key} is {_short(value)}, expected a finite number")
    return number


def _text(value: str, key: str) -> str:
    """Text that can be a file's name: surrogates only where they stand for bytes, and no NUL."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise MistypedError(f"{key} is {ascii(value)[:40]}, expected text of Unicode") from error
    if "\0" in value:
        raise MistypedError(f"{key} is {_short(value)}, expected text without NUL")
    return value
