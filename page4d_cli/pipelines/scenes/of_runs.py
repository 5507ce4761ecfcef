"""Scenes that were given as runs: one, or the folder of many that `page4d infer` has written."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import OutputError
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.whole.transaction import mend


@dataclass(frozen=True)
class RunPiece:
    """A run and the place of what is made of it."""

    name: str
    run: Path
    place: Path


def pieces_of(given: Path, out: Path | None = None) -> list[RunPiece]:
    """The runs that a path stands for: itself, or those in it, by their names.

    Args:
        given: a run, or the folder of several. What a kill has left of a run is mended.
        out: where something is made of a run; of those in a folder, the parent of one each. None:
            in the run itself.

    Returns:
        A piece for each run. If there is none the path itself, which `open_run` refuses.

    Raises:
        OutputError: another process is at the only run, or `out` is the folder of the runs.
        WriteError: a run cannot be mended.
    """
    mend(given)
    if (given / MANIFEST).is_file() or not given.is_dir():
        return [RunPiece(given.name, given, out or given)]
    if out is not None and out.resolve() == given.resolve():
        raise OutputError(f"{out} holds the runs themselves; choose another --out")
    runs = [folder for folder in sorted(given.iterdir()) if _holds_run(folder)]
    pieces = [RunPiece(run.name, run, out / run.name if out else run) for run in runs]
    return pieces or [RunPiece(given.name, given, out or given)]


def _holds_run(folder: Path) -> bool:
    if folder.name.startswith(".") or not folder.is_dir():
        return False
    with suppress(OutputError):  # of a run that is being written, which is none yet
        mend(folder)
    return (folder / MANIFEST).is_file()
