"""Adds a folder of files to a complete run, whole or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from page4d_cli.io.run.directory import Run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction


@contextmanager
def adding(run: Run, folder: str, conventions: Mapping[str, str]) -> Iterator[Transaction]:
    """Write files into a folder of a run; they come to their place when the body is done.

    Those that an earlier call has left are replaced. The manifest then lists the new files, so that
    `infer --overwrite` removes them with the rest. A body that raises changes nothing.

    Args:
        run: the run.
        folder: name of the folder, below the run.
        conventions: words for the manifest about the files.

    Raises:
        OutputError: the run is read-only, or holds something else of that name.
        WriteError: the files cannot be moved to their place.
    """
    manifest = run.manifest
    before = tuple(file for file in manifest.files if file.startswith(f"{folder}/"))
    with Transaction(run.directory, MANIFEST, shared=True) as transaction:
        yield transaction
        commit_run(
            transaction,
            replace(
                manifest,
                files=tuple(file for file in manifest.files if file not in before),
                conventions={**manifest.conventions, **conventions},
            ),
            replaced=before,
        )
