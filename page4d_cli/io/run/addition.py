"""Adds a folder of files to a complete run, whole or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from errno import EACCES
from pathlib import Path, PurePosixPath

from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.directory import Run
from page4d_cli.io.run.manifest import MANIFEST, Manifest
from page4d_cli.io.whole.staging import create_staging, interrupts_deferred, remove_stale_staging
from page4d_cli.io.whole.writing import writing


@contextmanager
def adding(run: Run, folder: str, conventions: Mapping[str, str]) -> Iterator[Path]:
    """Give a place to write files to, which become `folder` of the run when the body is done.

    The folder as an earlier call has left it is replaced. The manifest then lists the new files, so
    that `infer --overwrite` removes them with the rest. A body that raises changes nothing.

    Args:
        run: the run.
        folder: name of the folder, below the run.
        conventions: words for the manifest about the files.

    Yields:
        An empty directory, on the file system of the run.

    Raises:
        OutputError: the run is read-only, or holds something else of that name.
        WriteError: the files cannot be moved to their place.
    """
    target = run.directory.absolute() / folder
    known = {file for file in run.manifest.files if PurePosixPath(file).parts[0] == folder}
    _require_own(target, known)
    with _staging(run, target) as staging:
        new, old = staging / "new", staging / "old"
        new.mkdir()
        yield new
        added = {path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()}
        files = {file for file in run.manifest.files if file not in known}
        files |= {f"{folder}/{file}" for file in added}
        manifest = replace(
            run.manifest,
            files=tuple(sorted(files)),
            conventions={**run.manifest.conventions, **conventions},
        )
        with writing(target), interrupts_deferred():
            _write_manifest(staging / MANIFEST, manifest)
            with suppress(FileNotFoundError):
                target.replace(old)
            new.replace(target)
            (staging / MANIFEST).replace(run.directory / MANIFEST)


@contextmanager
def _staging(run: Run, target: Path) -> Iterator[Path]:
    """A directory in the run, until the body ends; those of killed processes are removed."""
    remove_stale_staging(target)
    try:
        if not os.access(run.directory, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        staging = create_staging(target)
    except OSError as error:
        raise OutputError(
            f"cannot write to {run.directory}: {error.strerror}; copy the run to another place"
        ) from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _require_own(target: Path, known: set[str]) -> None:
    """Refuse to replace what no earlier call has written."""
    if not target.exists():
        return
    there = target.iterdir() if target.is_dir() else [target]
    foreign = sorted({str(path.relative_to(target.parent)) for path in there} - known)
    if foreign:
        raise OutputError(
            f"{target.parent / foreign[0]} is not of this run and in the way; move it away"
        )


def _write_manifest(path: Path, manifest: Manifest) -> None:
    text = to_text(manifest)
    path.write_text(text, encoding="utf-8")
