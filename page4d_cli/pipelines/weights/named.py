"""List and download the weights that have a name."""

from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.enums import Variant
from page4d_cli.core.errors import WeightsError
from page4d_cli.model.hub import cached_path, fetch
from page4d_cli.model.named_weights import WEIGHTS, BundledFile, HubFile


@dataclass(frozen=True)
class NamedWeights:
    """A row of the table of names."""

    name: str
    variant: Variant
    description: str
    where: str
    path: str | None
    """None if it is not on this machine, or no file."""
    bytes: int | None
    is_ready: bool
    """Whether it runs without a download."""


def list_weights() -> tuple[NamedWeights, ...]:
    """Every name, and whether its file is here."""
    rows = []
    for name, entry in WEIGHTS.items():
        where, path = _place(entry.source)
        rows.append(
            NamedWeights(
                name,
                entry.variant,
                entry.description,
                where,
                None if path is None else str(path),
                None if path is None else path.stat().st_size,
                entry.source is None or path is not None,
            )
        )
    return tuple(rows)


def download(name: str) -> Path:
    """Bring the file of a name into the Hub's cache, unless it is there.

    Raises:
        WeightsError: there is no such name with a file, or it cannot be downloaded.
    """
    entry = WEIGHTS.get(name)
    if entry is None or not isinstance(entry.source, HubFile):
        names = [name for name, one in WEIGHTS.items() if isinstance(one.source, HubFile)]
        what = "no name" if entry is None else "part of the program and needs no download"
        raise WeightsError(f"'{name}' is {what}; weights to download: {', '.join(names)}")
    return fetch(entry.source)


def _place(source: HubFile | BundledFile | None) -> tuple[str, Path | None]:
    """Where weights come from, in words, and their file if it is on this machine."""
    if isinstance(source, HubFile):
        return f"{source.repo}/{source.file}", cached_path(source)
    return "built in", None if source is None else source.path
