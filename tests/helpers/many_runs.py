"""A folder of runs, one of them damaged where that is asked for."""

import shutil
from pathlib import Path

from synthetic_run import write_synthetic_run

NAMES = ("a", "b", "c")


def write_many_runs(folder: Path) -> Path:
    """`folder/many/{a,b,c}`, alike, beside a file and a folder that are no runs."""
    made = write_synthetic_run(folder, frames=2).run.directory
    many = folder / "many"
    for name in NAMES:
        shutil.copytree(made, many / name)
    (many / "empty").mkdir()
    (many / "notes.txt").write_text("mine")
    return many


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
