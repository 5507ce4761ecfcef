"""Write `configuration.md`: every key of a training run, from the dataclasses that define them.

```
python docs/generate_configuration.py
```

A test fails while the page and the dataclasses differ.
"""

import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from page4d_cli.core.docstrings import member_docs
from page4d_cli.pipelines.train.config import FREE, TrainConfig

PAGE = Path(__file__).with_name("configuration.md")
HEAD = """\
# Configuration of a training run

<!-- Written by docs/generate_configuration.py from the dataclasses; do not edit. -->

A configuration is a YAML file that states what differs from the defaults below, or from another
configuration if its first key is `like`, a shipped one's name or a file; `key=value` on
the command line of `page4d train` comes last. Dots stand between the levels, `[0]` is the first
entry of a list, None is YAML's `null`. A section whose default is null is off, and is switched on
as a whole: `'loss.absolute_pose={{layers: [2]}}'`. A key that does not exist is refused by name.
A run that is resumed may change {free}; anything else needs
`--allow-changes`.
"""


@dataclass(frozen=True)
class Section:
    """The keys of one dataclass, at the place where the tree has it."""

    path: str
    """Keys that lead there; "" is the top."""
    kind: type
    default: object
    """What the keys are set to where nothing is said; None if the section itself is absent then."""

    @property
    def title(self) -> str:
        """Its heading."""
        return f"`{self.path}`" if self.path else "The top level"


def configuration_page() -> str:
    """The page, whole."""
    free = ", ".join(f"`{key}`" for key in sorted(FREE))
    top = Section("", TrainConfig, TrainConfig())
    return "\n".join([HEAD.format(free=free), *map(_section_text, _sections(top))])


def _sections(section: Section) -> Iterator[Section]:
    """A section and those below it, in the order of their keys."""
    yield section
    for key, expected in get_type_hints(section.kind).items():
        below = _section_below(section, key, expected)
        if below is not None:
            yield from _sections(below)


def _section_below(section: Section, key: str, expected: Any) -> Section | None:  # noqa: ANN401
    kind, is_list = _element(_without_none(expected))
    if not is_dataclass(kind):
        return None
    assert isinstance(kind, type)
    path = f"{section.path}.{key}{'[]' if is_list else ''}".lstrip(".")
    return Section(path, kind, None if is_list else getattr(section.default, key, None))


def _section_text(section: Section) -> str:
    texts = _texts_below(section.kind)
    hints = get_type_hints(section.kind)
    rows = []
    for field in fields(section.kind):
        expected = hints[field.name]
        words, default = _type_words(expected), _default_words(field, section)
        if below := _section_below(section, field.name, expected):
            words = words.replace("section", f"[section](#{re.sub(r'[^a-z_]', '', below.path)})")
        meaning = " ".join([texts.get(field.name, ""), *_choices(expected)])
        rows.append(f"| `{field.name}` | {words} | {default} | {_in_cell(meaning)} |")
    about = (inspect.getdoc(section.kind) or "").split("\n\n")[0]
    table = ["| key | type | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {section.title}", "", about, "", *table, ""])


def _texts_below(kind: type) -> dict[str, str]:
    """The text below each field of a dataclass, its bases' too."""
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each.__module__.startswith("page4d_cli."):
            texts |= member_docs(each)
    return texts


def _choices(expected: Any) -> list[str]:  # noqa: ANN401 - a type
    """What the members of a closed choice mean, as far as they say so."""
    if not (isinstance(expected, type) and issubclass(expected, Enum)):
        return []
    texts = member_docs(expected)
    return [f"`{each.value}`: {texts[each.name]}" for each in expected if each.name in texts]


def _without_none(expected: Any) -> Any:  # noqa: ANN401 - a type
    if get_origin(expected) not in (Union, types.UnionType):
        return expected
    return next(part for part in get_args(expected) if part is not types.NoneType)


def _element(expected: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type
    """What a list holds, and that it is one; else the type itself."""
    arguments = get_args(expected)
    is_list = get_origin(expected) is tuple and arguments[-1] is Ellipsis
    return (arguments[0] if is_list else expected), is_list


def _type_words(expected: Any) -> str:  # noqa: ANN401 - a type
    inner = _without_none(expected)
    if inner is not expected:
        return f"{_type_words(inner)}, or null"
    element, is_list = _element(expected)
    if is_list:
        return f"list of {_type_words(element)}"
    if get_origin(expected) is tuple:
        arguments = get_args(expected)
        return f"{len(arguments)} × {_type_words(arguments[0])}"
    if issubclass(expected, Enum):
        return ", ".join(f"`{member.value}`" for member in expected)
    words: dict[type, str] = {int: "integer", float: "number", bool: "boolean", str: "text"}
    return words.get(expected, "section")


def _default_words(field: "Field[Any]", section: Section) -> str:
    value = getattr(section.default, field.name, field.default)
    if value is MISSING:
        return "" if field.default_factory is not MISSING else "*required*"
    return "" if is_dataclass(value) else f"`{_as_yaml(value)}`"


def _as_yaml(value: Any) -> str:  # noqa: ANN401 - a default
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_yaml, value))}]"
    if isinstance(value, Enum):
        return str(value.value)
    return (
        str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    )


def _in_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(configuration_page(), encoding="utf-8")
