"""A folder of exports: several formats side by side, each written whole or not at all.

`export.json`, moved to its place last, lists the files of each format; so an export replaces its
own earlier files and never removes anybody else's.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import Json
from page4d_cli.io.whole.staging import (
    create_staging,
    interrupts_deferred,
    remove_stale_staging,
    staging_of_others,
)
from page4d_cli.io.whole.writing import writing

EXPORT_JSON = "export.json"
_SCHEMA = 1


class ExportFolder:
    """Where the files of an export are put before they are moved. Made by `export_folder`."""

    def __init__(self, out: Path, staging: Path, *, overwrite: bool) -> None:
        self._out = out
        self._staging = staging
        self._overwrite = overwrite
        self._files: dict[str, list[str]] = {}

    def path(self, group: str, relative: str) -> Path:
        """Where to write a file now; its directory is there.

        Args:
            group: format that the file belongs to.
            relative: its path in the export.

        Raises:
            WriteError: its directory cannot be made.
        """
        path = self._staging / relative
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._files.setdefault(group, []).append(relative)
        return path

    def drop(self, group: str, files: Collection[str]) -> None:
        """Take back files of a format that `path` was asked for."""
        self._files[group] = [file for file in self._files.get(group, ()) if file not in files]
        for file in files:
            (self._staging / file).unlink(missing_ok=True)

    @property
    def files(self) -> dict[str, list[str]]:
        """Paths of the files so far, by format."""
        return {group: sorted(files) for group, files in self._files.items()}

    def commit(self, details: Mapping[str, Mapping[str, Json]]) -> None:
        """Move the files to their place; earlier ones of the same formats are gone then.

        Args:
            details: what `export.json` shall say of each format beside its files.

        Raises:
            OutputError: something is in the way.
            WriteError: a file cannot be moved.
        """
        out, before = self._out, _read(self._out)
        mine = {
            group: {"files": files, **details.get(group, {})} for group, files in self.files.items()
        }
        text = json.dumps(
            {"schema": _SCHEMA, "formats": dict(sorted({**before, **mine}.items()))},
            indent=1,
            allow_nan=False,
        )
        written = [file for files in self.files.values() for file in files]
        mine_before = {file for group in mine for file in before.get(group, {}).get("files", ())}
        self._require_way(written, mine_before)
        with writing(out):
            (self._staging / EXPORT_JSON).write_text(text + "\n", encoding="utf-8")
            with interrupts_deferred():
                out.mkdir(parents=True, exist_ok=True)
                for file in mine_before.difference(written):
                    (out / file).unlink(missing_ok=True)
                for file in (*written, EXPORT_JSON):
                    (out / file).parent.mkdir(parents=True, exist_ok=True)
                    (self._staging / file).replace(out / file)

    def _require_way(self, written: Collection[str], mine_before: Collection[str]) -> None:
        """Find out before anything is replaced that a file cannot, or must not, be moved."""
        for file in written:
            path = self._out / file
            there = next(parent for parent in path.parents if parent.exists())
            if path.is_dir() or not there.is_dir():
                blocked = path if path.is_dir() else there
                raise OutputError(f"{blocked} is in the way of {file}; move it away")
            if path.exists() and not self._overwrite and file not in mine_before:
                raise OutputError(
                    f"{path} is there already and not page4d's; --overwrite replaces it, or choose "
                    "another --out"
                )


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
    out = out.absolute()
    parents = [parent for parent in out.parents if not parent.exists()]
    try:
        _check(out, places, overwrite=overwrite)
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_staging(out)
        others = staging_of_others(out)
        if others:
            raise OutputError(
                f"another page4d is writing to {out} ({others[0].name}); wait for it, or choose "
                "another --out"
            )
        staging = create_staging(out)
    except OSError as error:
        raise OutputError(
            f"cannot write to {out}: {error.strerror}; choose another --out"
        ) from error
    try:
        yield ExportFolder(out, staging, overwrite=overwrite)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        for parent in parents:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _check(out: Path, places: Collection[str], *, overwrite: bool) -> None:
    there = next(path for path in (out, *out.parents) if path.exists())
    if not there.is_dir():
        raise OutputError(f"{there} is a file; choose another --out")
    _read(out)
    taken = [place for place in sorted(places) if (out / place).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"{out / taken[0]} is there already; --overwrite replaces what an earlier export of "
            "the same format wrote, or choose another --out"
        )


def _read(out: Path) -> dict[str, dict[str, Any]]:
    """What earlier exports wrote, by format."""
    path = out / EXPORT_JSON
    try:
        formats = json.loads(path.read_text(encoding="utf-8"))["formats"]
        listed = [PurePosixPath(file) for one in formats.values() for file in one["files"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{path} is no list of exports ({error}); move it away, or choose another --out"
        ) from error
    if any(file.is_absolute() or ".." in file.parts for file in listed):
        raise OutputError(f"{path} lists files outside of its folder; choose another --out")
    return dict(formats)
