"""Find the run of a sequence among what `page4d infer` wrote."""

import glob
from collections.abc import Sequence
from pathlib import Path

from page4d_cli.core.errors import EvaluationError, RunError
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.run.manifest import MANIFEST


def require_runs(folder: Path, names: Sequence[str]) -> None:
    """Refuse a place that cannot hold the runs of these sequences.

    Args:
        folder: a run of one sequence, or the folder of one run each.
        names: of the sequences.

    Raises:
        RunError: there is no such folder, no run in it, or the run of one clip for several.
    """
    if not folder.is_dir():
        raise RunError(f"--preds {folder} is no folder; give what page4d infer has written")
    if (folder / MANIFEST).is_file():
        if len(names) > 1:
            raise RunError(
                f"--preds {folder} is the run of one clip, and {len(names)} sequences count; "
                "name its sequence with --sequences"
            )
        return
    if not any(folder.glob(f"*/{MANIFEST}")):
        raise RunError(
            f"--preds {folder} holds no run: neither {MANIFEST} nor <sequence>/{MANIFEST}; give "
            "what page4d infer has written"
        )


def find_run(folder: Path, name: str) -> Run:
    """Open the run of a sequence: the folder itself, `name` in it, or the only `name_…` in it.

    `page4d infer` calls its runs by the folders of the pictures, with a sequence's name in front
    where these are all called the same, for instance `alley_1_final`.

    Args:
        folder: a run, or the folder of several.
        name: of the sequence.

    Raises:
        EvaluationError: there is none, or there are several.
        RunError: it cannot be read.
    """
    if (folder / MANIFEST).is_file():
        return open_run(folder)
    if (folder / name / MANIFEST).is_file():
        return open_run(folder / name)
    longer = sorted(path.parent for path in folder.glob(f"{glob.escape(name)}_*/{MANIFEST}"))
    if len(longer) > 1:
        raise EvaluationError(
            f"{folder} holds {len(longer)} runs for {name}: "
            f"{', '.join(one.name for one in longer)}; call the right one {name}"
        )
    if not longer:
        raise EvaluationError(f"no prediction: {folder / name / MANIFEST} does not exist")
    return open_run(longer[0])
