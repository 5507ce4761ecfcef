"""A folder of exports: several formats side by side, all of a call written whole or not at all.

`export.json` lists the files of each format; so an export replaces its own earlier files and never
removes anybody else's.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import Json, decode, read_json, to_text
from page4d_cli.io.whole.transaction import NO_LIST, FileList, Transaction

EXPORT_JSON = "export.json"


@dataclass(frozen=True)
class ExportRecord:
    """The exports of a folder as its `export.json` holds them."""

    schema: Literal[1] = 1
    formats: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Files of each format, and what its writer says of them."""

    def __post_init__(self) -> None:
        for group in self.formats:
            self.files(group)

    def files(self, group: str) -> tuple[str, ...]:
        """Files of a format, relative to the folder; none of one that is not there.

        Raises:
            MistypedError: it does not say which, or names some outside of its folder.
        """
        said = self.formats.get(group, {"files": []})
        return decode(FileList, said, f"formats.{group}", foreign=True).files


class ExportFolder:
    """Where the files of an export are put before they are moved. Made by `export_folder`."""

    def __init__(self, transaction: Transaction, before: ExportRecord) -> None:
        self._transaction = transaction
        self._before = before
        self._files: dict[str, list[str]] = {}

    def path(self, group: str, relative: str) -> Path:
        """Where to write a file now; its directory is there.

        Args:
            group: format that the file belongs to.
            relative: its path in the export.

        Raises:
            OutputError: something is in the way, or the path leads out of the export.
            WriteError: its directory cannot be made.
        """
        path = self._transaction.path(relative)
        self._files.setdefault(group, []).append(relative)
        return path

    def drop(self, group: str, files: Collection[str]) -> None:
        """Take back files of a format that `path` was asked for."""
        self._files[group] = [file for file in self._files.get(group, ()) if file not in files]
        for file in files:
            (self._transaction.folder / file).unlink(missing_ok=True)

    @property
    def files(self) -> dict[str, list[str]]:
        """Paths of the files so far, by format."""
        return {group: sorted(files) for group, files in self._files.items()}

    def commit(self, details: Mapping[str, Mapping[str, Json]]) -> None:
        """Move the files to their place; earlier ones of the same formats are gone then.

        Args:
            details: what `export.json` shall say of each format beside its files.

        Raises:
            OutputError: something came in the way.
            WriteError: a file cannot be moved.
        """
        mine = {
            group: {**details.get(group, {}), "files": files} for group, files in self.files.items()
        }
        record = ExportRecord(formats=dict(sorted({**self._before.formats, **mine}.items())))
        replaced = [file for group in mine for file in self._before.files(group)]
        self._transaction.commit(to_text(record), replaced=replaced)


@contextmanager
def export_folder(
    out: Path, places: Collection[str], *, overwrite: bool = False
) -> Iterator[ExportFolder]:
    """Check a place and make a folder beside it; what was not committed is gone at the end.

    Args:
        out: the export's folder; it need not exist.
        places: files and folders in it that are going to be written.
        overwrite: replace earlier files of the same formats.

    Raises:
        OutputError: the place cannot be used, or holds one of `places` already.
    """
    with Transaction(
        out, EXPORT_JSON, overwrite=overwrite, shared=True, files_of=_files_of
    ) as transaction:
        taken = [place for place in sorted(places) if (out / place).exists()]
        if taken and not overwrite:
            raise OutputError(
                f"{out / taken[0]} is there already; --overwrite replaces what an earlier export "
                "of the same format wrote, or choose another --out"
            )
        yield ExportFolder(transaction, read_exports(out / EXPORT_JSON))


def _files_of(path: Path) -> list[str]:
    before = read_exports(path)
    return [file for group in before.formats for file in before.files(group)]


def read_exports(path: Path) -> ExportRecord:
    """What earlier exports wrote, of an `export.json`, which need not be there.

    Raises:
        OutputError: it cannot be read.
    """
    if not os.path.lexists(path):
        return ExportRecord()
    return read_json(ExportRecord, path, OutputError, NO_LIST)
