"""A folder of exports: several formats side by side, all of a call written whole or not at all.

`export.json` lists the files of each format; so an export replaces its own earlier files and never
removes anybody else's.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from page4d_cli.core.errors import OutputError
from page4d_cli.core.paths import require_relative
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.io.whole.transaction import Transaction

EXPORT_JSON = "export.json"
_SCHEMA = 1
_NOTHING: dict[str, Any] = {"files": ()}


class ExportFolder:
    """Where the files of an export are put before they are moved. Made by `export_folder`."""

    def __init__(self, transaction: Transaction, before: Mapping[str, Mapping[str, Any]]) -> None:
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
            group: {"files": files, **details.get(group, {})} for group, files in self.files.items()
        }
        text = to_text(
            {"schema": _SCHEMA, "formats": dict(sorted({**self._before, **mine}.items()))}
        )
        replaced = [file for group in mine for file in self._before.get(group, _NOTHING)["files"]]
        self._transaction.commit(text, replaced=replaced)


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
        yield ExportFolder(transaction, _read(out / EXPORT_JSON))


def _files_of(path: Path) -> list[str]:
    return [file for one in _read(path).values() for file in one["files"]]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """What earlier exports wrote, by format."""
    try:
        formats = json.loads(path.read_text(encoding="utf-8"))["formats"]
        for one in formats.values():
            for file in one["files"]:
                require_relative(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"{path} is no list of exports ({error}); move it away, or choose another --out"
        ) from error
    return dict(formats)
