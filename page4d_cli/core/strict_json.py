"""Frozen dataclasses <-> JSON, strictly: what is missing, unknown or of another type is an error.

Knows the types that our files are made of: str, int, float, bool, `None`, enums, tuples, dicts with
string keys, unions with `None`, dataclasses of these, and `Json`, which is taken as it is.
"""

import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any, Union, get_args, get_origin, get_type_hints

Json = Any
"""What the standard `json` module reads and writes."""


class MistypedError(Exception):
    """A JSON value does not have the declared type; the message begins with its key."""


def encode(value: Any) -> Json:  # noqa: ANN401  # any type named in the module docstring
    """Turn a value into what `json.dumps` takes; tuples become lists, enums their value."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def decode(  # returns `expected`
    expected: Any,  # noqa: ANN401
    value: Json,
    key: str,
    *,
    defaults: bool = False,
) -> Any:  # noqa: ANN401
    """Turn JSON into a value of the type `expected`; the inverse of `encode`.

    Args:
        expected: a type named in the module docstring.
        value: parsed JSON.
        key: where the value stands, for messages; "" is the top.
        defaults: keys that are missing get their defaults, where they have one.

    Returns:
        An instance of `expected`.

    Raises:
        MistypedError: the value, or one inside it, is of another type.
    """
    if expected is Json:
        return value
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else decode(inner, value, key, defaults=defaults)
    if origin is tuple:
        return _decode_tuple(arguments, value, key, defaults)
    if origin is dict:
        return {
            name: decode(arguments[1], item, f"{key}.{name}", defaults=defaults)
            for name, item in _require(dict, value, key, "an object").items()
        }
    if is_dataclass(expected):
        return _decode_dataclass(expected, value, key, defaults)
    return _decode_scalar(expected, value, key)


def _require(kind: type, value: Json, key: str, words: str) -> Any:  # noqa: ANN401  # a `kind`
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise MistypedError(f"{key or 'the top level'} is {_short(value)}, expected {words}")
    return value


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _decode_tuple(
    arguments: tuple[Any, ...], value: Json, key: str, defaults: bool
) -> tuple[Any, ...]:
    items = _require(list, value, key, "a list")
    if arguments[-1] is Ellipsis:
        arguments = arguments[:1] * len(items)
    if len(items) != len(arguments):
        raise MistypedError(f"{key} has {len(items)} values, expected {len(arguments)}")
    return tuple(
        decode(argument, item, f"{key}[{index}]", defaults=defaults)
        for index, (argument, item) in enumerate(zip(arguments, items, strict=True))
    )


def _decode_dataclass(  # an `expected`
    expected: Any,  # noqa: ANN401
    value: Json,
    key: str,
    defaults: bool,
) -> Any:  # noqa: ANN401
    given = _require(dict, value, key, "an object")
    hints = get_type_hints(expected)
    prefix = f"{key}." if key else ""
    optional = [
        field.name
        for field in fields(expected)
        if defaults and (field.default, field.default_factory) != (MISSING, MISSING)
    ]
    for name in hints:
        if name not in given and name not in optional:
            raise MistypedError(f"{prefix}{name} is missing")
    for name in given:
        if name not in hints:
            raise MistypedError(f"{prefix}{name} is not a known key")
    return expected(
        **{
            name: decode(hints[name], item, prefix + name, defaults=defaults)
            for name, item in given.items()
        }
    )


def _decode_scalar(expected: Any, value: Json, key: str) -> Any:  # noqa: ANN401  # an `expected`
    if issubclass(expected, Enum):
        words = ", ".join(repr(member.value) for member in expected)
        if value not in [member.value for member in expected]:
            raise MistypedError(f"{key} is {_short(value)}, expected one of {words}")
        return expected(value)
    if expected is float:
        if isinstance(value, float) and not isfinite(value):
            raise MistypedError(f"{key} is {value}, expected a finite number")
        return value if isinstance(value, float) else _require(int, value, key, "a number")
    words = {str: "a text", int: "a whole number", bool: "true or false"}[expected]
    return _require(expected, value, key, words)
