"""The documentation as its tests see it: fenced blocks, commands with what they print, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*\Z")
_STATUS = re.compile(r"<!-- exit status (\d+) -->\s*\Z")
_GIVEN = re.compile(r"<!-- given: (.+) -->")
_ELLIPSIS = ("…", "[…]")


@dataclass(frozen=True)
class Command:
    """A line of a console block, and what the page says that it prints."""

    line: str
    printed: tuple[str, ...]
    status: int
    runs: bool
    """Not so where the page says that it needs what is not here."""


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str
    before: str
    """The page up to it."""

    @property
    def runs(self) -> bool:
        return _NOT_RUN.search(self.before) is None

    @property
    def commands(self) -> list[Command]:
        """The lines after `$ `, continued ones joined, each with the lines that follow it."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        found: list[Command] = []
        for part in parts:
            line, _, printed = part.replace("\\\n", " ").partition("\n")
            lines = tuple(one for one in printed.splitlines() if one not in _ELLIPSIS)
            stated = _STATUS.search(self.before) if part is parts[-1] else None
            wrong = any(one.startswith("error: ") for one in lines)
            status = int(stated[1]) if stated else 2 if wrong else 0
            found.append(Command(line, lines, status, self.runs))
        return found


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """What stands outside of the fences."""
        return _FENCE.sub("", self.text)

    @property
    def given(self) -> list[str]:
        """What lies in the folder that the page's commands start in."""
        found = _GIVEN.search(self.text)
        return found[1].split() if found else []

    def blocks(self, language: str) -> list[Block]:
        return [
            Block(match[1], match[2], self.text[: match.start()])
            for match in _FENCE.finditer(self.text)
            if match[1] == language
        ]

    @property
    def commands(self) -> list[Command]:
        return [command for block in self.blocks("console") for command in block.commands]

    @property
    def code_spans(self) -> list[str]:
        return re.findall(r"`([^`\n]+)`", self.prose)

    @property
    def links(self) -> list[str]:
        """Where it points to, other than the web."""
        targets = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [target for target in targets if not target.startswith("http")]

    @property
    def anchors(self) -> set[str]:
        """Names of its headings, as GitHub makes them."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}

    @property
    def paragraphs(self) -> list[str]:
        """Its texts and table rows of some length, white space evened out."""
        parts = re.split(r"\n\s*\n|\n(?=\|)", self.prose)
        return [text for part in parts if len(text := " ".join(part.split())) > 80]


def pages() -> Iterator[Page]:
    """All that a reader of the repository's front finds."""
    return map(Page, PAGES)
