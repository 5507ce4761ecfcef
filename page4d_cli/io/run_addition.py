"""Adds a folder of files to a complete run, whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from page4d_cli.core.errors import OutputError
from page4d_cli.io.manifest import MANIFEST, Manifest
from page4d_cli.io.run_directory import Run
from page4d_cli.io.staging import interrupts_deferred
from page4d_cli.io.writing import writing


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
    target = run.directory / folder
    known = {file for file in run.manifest.files if PurePosixPath(file).parts[0] == folder}
    _require_own(target, known)
    try:
        staging = TemporaryDirectory(prefix=f".{folder}.", dir=run.directory)
    except OSError as error:
        raise OutputError(
            f"cannot write to {run.directory}: {error.strerror}; copy the run to another place"
        ) from error
    with staging:
        new, old = Path(staging.name) / "new", Path(staging.name) / "old"
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
            _write_manifest(Path(staging.name) / MANIFEST, manifest)
            with suppress(FileNotFoundError):
                target.replace(old)
            new.replace(target)
            (Path(staging.name) / MANIFEST).replace(run.directory / MANIFEST)


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
    text = json.dumps(manifest.to_json(), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
