"""The windows of a folder that is a run: whether they are its own, and how they are removed."""

from dataclasses import replace
from pathlib import Path

from page4d_cli.core.checksum import file_sha256
from page4d_cli.core.errors import RunError
from page4d_cli.io.run.manifest import MANIFEST, Manifest, read_manifest
from page4d_cli.io.run.windows import LOOPS, SKIPS, WINDOWS
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing


def manifest_of(folder: Path) -> Manifest | None:
    """The manifest of a folder that is a run; what others call so says nothing to us."""
    try:
        return read_manifest(folder)
    except RunError:
        return None


def missing_windows(folder: Path) -> tuple[str, ...]:
    """Windows and loops that a run has lost; none of a folder that is no run.

    Raises:
        RunError: one of those that are there is not the run's.
    """
    manifest = manifest_of(folder)
    if manifest is None:
        return ()
    mine = [file for file in manifest.files if _is_window(file)]
    for file in _present(folder):
        if file not in mine:
            raise RunError(f"{folder / file} is not of the run in {folder}; move it away")
        if file_sha256(folder / file) != manifest.checksums.get(file):
            raise RunError(
                f"{folder / file} is not as the run wrote it; `page4d infer --resume` makes the "
                "run again"
            )
    return tuple(file for file in mine if not (folder / file).is_file())


def drop_windows(folder: Path) -> None:
    """Remove the files of windows and loops, from a run's manifest, too.

    Raises:
        WriteError: they cannot be removed.
    """
    files = tuple(_present(folder))
    manifest = manifest_of(folder)
    if manifest is not None:
        kept = tuple(file for file in manifest.files if not _is_window(file))
        with Transaction(folder, MANIFEST, shared=True) as transaction:
            commit_run(transaction, replace(manifest, files=kept), replaced=files)
        return
    for file in files:
        with writing(folder / file):
            (folder / file).unlink()


def _is_window(file: str) -> bool:
    return file.split("/")[0] in (WINDOWS, SKIPS, LOOPS)


def _present(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for kind in (WINDOWS, SKIPS, LOOPS)
        for path in sorted((folder / kind).glob("*.npz"))
    ]
