"""Writes a run directory whole or not at all.

A run is written beside its place and moved there file by file, `manifest.json` last. So a directory
with a manifest is complete, and a run that fails or is interrupted leaves nothing behind.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from page4d_cli.core.errors import OutputError, RunError
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.manifest import MANIFEST, Manifest, read_manifest
from page4d_cli.io.whole.staging import (
    create_staging,
    interrupts_deferred,
    is_staging,
    remove_stale_staging,
    staging_of_others,
)
from page4d_cli.io.whole.writing import writing


def check_place(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a place that a run may not be written to; changes nothing.

    `RunWriter` does this itself; it stands alone for those who want to know before they compute.

    Args:
        out: the run's directory, which need not exist.
        overwrite: allow a directory that is not empty.

    Raises:
        OutputError: `out` is no directory, cannot be looked into, or holds something already.
    """
    with _placing(out):
        _require_writable(out)
        if not out.is_dir():
            if out.exists():
                raise OutputError(f"{out} is a file; give a directory that is new or empty")
        elif (out / MANIFEST).exists():
            if not overwrite:
                raise OutputError(
                    f"{out} holds a run already; --overwrite replaces it, --resume keeps complete "
                    "runs, or choose another --out"
                )
            _previous_files(out)
        elif not overwrite and not all(is_staging(entry, out) for entry in out.iterdir()):
            raise OutputError(
                f"{out} is not empty and holds no complete run; --overwrite writes beside what is "
                "there and replaces files of the same names, or choose another --out"
            )


class RunWriter:
    """Writes a run directory whole or not at all.

    ```python
    with RunWriter(out) as writer:
        np.save(writer.path(depth_file(stem)), depth)
        writer.commit(manifest)
    ```

    Entering checks the place and makes a staging directory beside it, with missing parents. Leaving
    without `commit`, for whatever reason, removes what was made; `out` is as it was.

    Args:
        out: the run's directory.
        overwrite: replace the files of an earlier run, and foreign files of the same names. Nothing
            else is ever removed.

    Raises:
        OutputError: on entering, the place cannot be used.
    """

    def __init__(self, out: Path, *, overwrite: bool = False) -> None:
        self._given = out
        self._overwrite = overwrite
        self._undo = ExitStack()

    def __enter__(self) -> "RunWriter":
        try:
            with _placing(self._given):
                self._out = self._given.resolve()
                remove_stale_staging(self._out)
                _require_alone(self._out)
                check_place(self._out, overwrite=self._overwrite)
                self._make_parents()
                self._staging = create_staging(self._out)
                self._undo.callback(shutil.rmtree, self._staging, ignore_errors=True)
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    def path(self, relative: str) -> Path:
        """Where to write a file of the run now; its directory is there.

        Args:
            relative: its path in the run directory.

        Returns:
            A path in the staging directory.

        Raises:
            OutputError: something in `out` is in the way of this file.
            WriteError: its directory cannot be made.
        """
        path = self._staging / relative
        with writing(path):
            self._require_way(relative)
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, manifest: Manifest) -> Manifest:
        """Move every file to its place, the manifest last; Ctrl-C and `kill` wait for the end.

        Args:
            manifest: of the run; `files` is filled in here.

        Returns:
            The manifest as it was written.

        Raises:
            OutputError: the place was taken in the meantime.
            WriteError: the manifest cannot be written, or a file cannot be moved.
        """
        files = _files_below(self._staging)
        manifest = replace(manifest, files=files)
        text = to_text(manifest)
        check_place(self._out, overwrite=self._overwrite)
        with writing(self._out):
            (self._staging / MANIFEST).write_text(text, encoding="utf-8")
            with interrupts_deferred():
                self._out.mkdir(exist_ok=True)
                self._remove_previous(keep=set(files))
                for file in (*files, MANIFEST):
                    target = self._out / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (self._staging / file).replace(target)
        return manifest

    def _require_way(self, relative: str) -> None:
        """Find out now, not after hours of work, that a file cannot be moved to its place."""
        target = self._out / relative
        folders = [self._out / part for part in Path(relative).parents]
        blocked = [folder for folder in folders if folder.exists() and not folder.is_dir()]
        if target.is_dir() or blocked:
            raise OutputError(
                f"{(blocked or [target])[0]} is in the way of {relative}; move it away, or choose "
                "another --out"
            )

    def _make_parents(self) -> None:
        parents = [parent for parent in self._out.parents if not parent.exists()]
        for parent in reversed(parents):
            parent.mkdir(exist_ok=True)
            self._undo.callback(_remove_if_empty, parent)

    def _remove_previous(self, keep: set[str]) -> None:
        """Remove the manifest of the run that was here, then the files that only that run had."""
        if not (self._out / MANIFEST).exists():
            return
        stale = [self._out / file for file in _previous_files(self._out) if file not in keep]
        (self._out / MANIFEST).unlink()
        for path in stale:
            if path.is_file():
                path.unlink()
            if path.parent != self._out:
                _remove_if_empty(path.parent)


def _previous_files(out: Path) -> tuple[str, ...]:
    try:
        return read_manifest(out).files
    except RunError as error:
        raise OutputError(
            f"{out} holds a {MANIFEST} from which its files cannot be told ({error}); "
            "move it away, or choose another --out"
        ) from error


def _require_alone(out: Path) -> None:
    """Refuse a place that another process is writing to; two runs would mix their files."""
    others = staging_of_others(out)
    if others:
        raise OutputError(
            f"another page4d is writing a run to {out} (its work so far: {others[0].name}); "
            "wait for it, or choose another --out"
        )


def _require_writable(out: Path) -> None:
    """Ask about the nearest thing that is there; only trying it out would tell more."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir() and there != out.absolute():
        raise OutputError(f"cannot write to {out}: {there} is a file; choose another --out")
    if not os.access(there, os.W_OK):
        raise OutputError(f"cannot write to {out}: {there} is read-only; choose another --out")


@contextmanager
def _placing(out: Path) -> Iterator[None]:
    """Convert what the operating system says about a place into an `OutputError`."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to {out}: {reason}; choose another --out") from error


def _files_below(directory: Path) -> tuple[str, ...]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return tuple(sorted(path.relative_to(directory).as_posix() for path in paths))


def _remove_if_empty(directory: Path) -> None:
    with suppress(OSError):
        directory.rmdir()
