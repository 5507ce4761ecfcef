"""Short names for files and folders that stay unique when several are equal."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """Name files by their stems, for instance `0001`.

    Equal stems take the names of their folders in front (`left_0001`, `right_0001`) or, where that
    tells nothing, a number behind (`0001`, `0001_2`). Upper and lower case count as equal, since
    some file systems do not tell them apart.
    """
    return _unique([(*_folders(path), path.stem) for path in paths])


def unique_directory_names(paths: Sequence[Path]) -> list[str]:
    """Name folders by their names and files by their stems, safe to create on any file system.

    Equal names are told apart as in `unique_stems`.
    """
    trails = [
        (*_folders(path), _absolute(path).name if path.is_dir() else path.stem) for path in paths
    ]
    return _unique([tuple(_safe(part) for part in trail) for trail in trails])


def _absolute(path: Path) -> Path:
    """With the names as given, links unresolved, except where ".." asks for another name."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _folders(path: Path) -> tuple[str, ...]:
    return _absolute(path).parts[1:-1]


def _safe(name: str) -> str:
    return re.sub(r"[^\w +=,@().-]", "_", name).strip(" .") or "scene"


def _unique(trails: Sequence[tuple[str, ...]]) -> list[str]:
    """Unique names of trails (outer folder, …, inner folder, name)."""
    names = [trail[-1] for trail in trails]
    groups = defaultdict(list)
    for position, name in enumerate(names):
        groups[name.casefold()].append(position)
    for group in groups.values():
        if len(group) > 1:
            longer = _with_folders([trails[position] for position in group])
            for position, name in zip(group, longer, strict=True):
                names[position] = name
    return _numbered(names)


def _with_folders(trails: Sequence[tuple[str, ...]]) -> list[str]:
    """Put the folders in front of equal names that tell most of them apart, as few as possible."""
    depths = range(1, max(map(len, trails)) + 1)
    choices = [["_".join(trail[-depth:]) for trail in trails] for depth in depths]
    return max(choices, key=lambda names: len({name.casefold() for name in names}))


def _numbered(names: Sequence[str]) -> list[str]:
    """Append _2, _3, … to the second, third, … of equal names, passing over names that exist."""
    given = {name.casefold() for name in names}
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in taken or (number > 1 and candidate.casefold() in given):
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
