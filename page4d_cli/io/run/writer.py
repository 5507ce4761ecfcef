"""Writes a run directory: a `Transaction` whose index is the manifest."""

from dataclasses import replace
from pathlib import Path

from page4d_cli.core.checksum import file_sha256
from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.manifest import MANIFEST, Manifest
from page4d_cli.io.whole.transaction import Transaction, check_place
from page4d_cli.io.whole.writing import writing


def check_run_place(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a place that a run may not be written to, before any work is done.

    Args:
        out: the run's directory, which need not exist.
        overwrite: allow a directory that is not empty.

    Raises:
        OutputError: `out` is no directory, cannot be looked into, or holds something already.
    """
    if (out / MANIFEST).is_file() and not overwrite:
        raise OutputError(
            f"{out} holds a run already; --overwrite replaces it, --resume keeps complete runs, or "
            "choose another --out"
        )
    check_place(out, MANIFEST, overwrite=overwrite)


def commit_run(
    folder: Transaction, manifest: Manifest, *, replaced: tuple[str, ...] | None = None
) -> Manifest:
    """Move a run to its place, the manifest last.

    Args:
        folder: with the index `MANIFEST`; holds the run's files.
        manifest: of the run; those files are added to its own.
        replaced: see `Transaction.commit`.

    Returns:
        The manifest as it was written.

    Raises:
        OutputError: the place was taken in the meantime.
        WriteError: a file cannot be written or moved.
    """
    kept = {file: sum_ for file, sum_ in manifest.checksums.items() if file in manifest.files}
    with writing(folder.folder):
        written = {file: file_sha256(folder.folder / file) for file in folder.files}
    manifest = replace(
        manifest,
        files=tuple(sorted({*manifest.files, *folder.files})),
        checksums=dict(sorted({**kept, **written}.items())),
    )
    folder.commit(to_text(manifest), replaced=replaced)
    return manifest
