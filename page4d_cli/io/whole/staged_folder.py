"""A folder of output files that is written whole or not at all.

Its summary, a JSON file with the list of all others, comes to its place last: a folder with a
summary is complete, and what an earlier one listed can be replaced.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import Json
from page4d_cli.io.whole.staging import (
    create_staging,
    interrupts_deferred,
    is_staging,
    remove_stale_staging,
    staging_of_others,
)
from page4d_cli.io.whole.writing import writing


def check_folder(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a place that a folder may not be written to; changes nothing.

    Args:
        out: the folder, which need not exist.
        overwrite: allow one that is not empty.

    Raises:
        OutputError: `out` is a file, cannot be written to, or holds something already.
    """
    with _placing(out):
        place = out.resolve()
        there = next(path for path in (place, *place.parents) if path.exists())
        if not there.is_dir():
            raise OutputError(f"cannot write to {out}: {there} is a file; choose another --out")
        if not os.access(there, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write to {out}: {there} is read-only; choose another --out")
        if there != place or overwrite:
            return
        if not all(is_staging(entry, place) for entry in place.iterdir()):
            raise OutputError(
                f"{out} is there already and not empty; --overwrite replaces the files of an "
                "earlier call and leaves others, or choose another --out"
            )


@contextmanager
def staged_folder(out: Path, summary: str, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden folder to write into; if the body ends well, its files are moved to `out`.

    The body calls `write_summary` last. If it fails or is interrupted, `out` is as it was.

    Args:
        out: the folder; missing parents are made.
        summary: name of its summary.
        overwrite: replace the files that an earlier summary lists, and files of the same names.

    Raises:
        OutputError: the place cannot be used.
        WriteError: a file cannot be moved to its place.
    """
    check_folder(out, overwrite=overwrite)
    place = out.resolve()
    with ExitStack() as undo:
        with _placing(out):
            remove_stale_staging(place)
            if staging_of_others(place):
                raise OutputError(
                    f"another page4d is writing {out}; wait for it, or choose another --out"
                )
            for parent in reversed([path for path in place.parents if not path.exists()]):
                parent.mkdir(exist_ok=True)
                undo.callback(_remove_if_empty, parent)
            folder = create_staging(place)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder
        check_folder(out, overwrite=overwrite)
        _require_way(place, [*_listed(folder / summary), summary])
        with writing(out), interrupts_deferred():
            _move(folder, place, summary)


def write_summary(path: Path, about: Mapping[str, Json]) -> list[str]:
    """Write a summary into a staged folder, with the list `files` of all that lies beside it.

    Returns:
        That list: paths from the folder, sorted.

    Raises:
        WriteError: the disk is full, or the like.
    """
    found = (each for each in path.parent.rglob("*") if each.is_file())
    files = sorted(each.relative_to(path.parent).as_posix() for each in found)
    with writing(path):
        text = json.dumps({**about, "files": files}, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    return files


def _move(folder: Path, place: Path, summary: str) -> None:
    """Move what a complete folder holds: at once if its place is free, else file by file."""
    if not place.exists():
        folder.replace(place)
        return
    files = _listed(folder / summary)
    stale = [file for file in _listed(place / summary) if file not in files]
    (place / summary).unlink(missing_ok=True)
    for file in stale:
        (place / file).unlink(missing_ok=True)
        if (place / file).parent != place:
            _remove_if_empty((place / file).parent)
    for file in (*files, summary):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).replace(place / file)


def _require_way(place: Path, files: list[str]) -> None:
    """Find out before anything is replaced that a file cannot be moved to its place."""
    for file in files:
        path = place / file
        blocked = path if path.is_dir() else path.parent
        if path.is_dir() or (blocked.exists() and not blocked.is_dir()):
            raise OutputError(f"{blocked} is in the way of {file}; move it away")


def _listed(summary: Path) -> list[str]:
    """Files that a summary names, none of them outside its folder; nothing without a list."""
    try:
        files = json.loads(summary.read_text(encoding="utf-8"))["files"]
        paths = [PurePosixPath(file) for file in files]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [str(path) for path in paths if not path.is_absolute() and ".." not in path.parts]


@contextmanager
def _placing(out: Path) -> Iterator[None]:
    """Convert what the operating system says about a place into an `OutputError`."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to {out}: {reason}; choose another --out") from error


def _remove_if_empty(directory: Path) -> None:
    with suppress(OSError):
        directory.rmdir()
