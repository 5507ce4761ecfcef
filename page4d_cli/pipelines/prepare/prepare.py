"""Prepare raw RGB-D sequences for scoring: frames with depth and pose, a few of them, in order.

Each sequence is written whole or not at all; a second run changes nothing. Files are described in
`pipelines/prepare/files.py`, the choice of frames in `pipelines/prepare/plan.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from natsort import natsorted

from page4d_cli.core.errors import DatasetError, InputError, OutputError
from page4d_cli.core.progress import Progress
from page4d_cli.data.sets.rgbd.recording import LISTS
from page4d_cli.io.whole.transaction import Transaction, mend, require_apart
from page4d_cli.pipelines.prepare.files import (
    PreparedFiles,
    lay_out,
    refusal,
    status_of,
    there,
    write_files,
)
from page4d_cli.pipelines.prepare.plan import PrepareOptions, plan_sequence
from page4d_cli.pipelines.prepare.report import (
    Prepared,
    PrepareReport,
    Status,
    UnpreparedSequence,
    report_sequence,
)


def prepare(
    raws: Sequence[Path],
    options: PrepareOptions,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Prepare sequences. What is wrong with one of them does not stop the others.

    Args:
        raws: sequences' folders, or folders that hold them.
        options: what to take of each.
        out: parent of the prepared folders, made if it is not there; by default everything is
            written into the raw folders.
        progress: told about every file.

    Returns:
        What was done, and the sequences that failed with the reason.

    Raises:
        DatasetError: there is no sequence in one of `raws`.
        InputError: two sequences would be written to one place.
        WriteError: the disk is full, or the like; sequences that are complete stay.
    """
    folders = list(dict.fromkeys(folder for raw in raws for folder in raw_folders(raw)))
    places = {_place(folder, out): folder for folder in folders}
    for place in places:
        require_apart(place.parent, inputs=folders)
    if len(places) < len(folders):
        names = sorted({folder.name for folder in folders if folder not in places.values()})
        raise InputError(
            f"two sequences are called {', '.join(names)}; prepare them into different --out"
        )
    done, failures = [], []
    for place, folder in places.items():
        try:
            done.append(_prepare(folder, place, options, progress))
        except InputError as error:
            failures.append(UnpreparedSequence(folder.name, str(error)))
    return PrepareReport(options, tuple(done), tuple(failures))


def raw_folders(root: Path) -> list[Path]:
    """Folders of raw sequences: the root itself if it is one, else those directly below.

    Args:
        root: a folder.

    Returns:
        At least one, absolute, in natural order. One of the lists is enough to be a sequence.

    Raises:
        DatasetError: there is none.
    """
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder; give the folder of a raw sequence")
    root = root.resolve()
    if _is_raw(root):
        return [root]
    try:
        below = natsorted(path for path in root.iterdir() if _is_raw(path))
    except OSError as error:
        raise DatasetError(f"cannot look into {root}: {error.strerror}") from error
    if not below:
        raise DatasetError(
            f"{root} holds no raw sequence; expected {', '.join(LISTS)} in it or in the folders "
            "directly below"
        )
    return [path.resolve() for path in below]


def _is_raw(folder: Path) -> bool:
    return not folder.name.startswith(".") and any((folder / name).is_file() for name in LISTS)


def _place(folder: Path, out: Path | None) -> Path:
    return folder if out is None else out.absolute() / folder.name


def _prepare(
    folder: Path, place: Path, options: PrepareOptions, progress: Progress | None
) -> Prepared:
    plan = plan_sequence(folder, options)
    layout = lay_out(place, plan, options)
    mend(place)
    status = _status(layout, overwrite=options.overwrite)
    if status is not Status.UNCHANGED:
        _write(layout, folder.name, progress)
    return report_sequence(folder.name, place, status, plan, options)


def _status(layout: PreparedFiles, *, overwrite: bool) -> Status:
    """What is to be done.

    Raises:
        OutputError: something else is there.
    """
    status = status_of(layout)
    if overwrite and status is not Status.PREPARED:
        return Status.REPLACED
    if status is None:
        raise OutputError(refusal(layout))
    return status


def _write(layout: PreparedFiles, name: str, progress: Progress | None) -> None:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(f"files of {name}", done, len(layout.files))

    with Transaction(
        layout.place, layout.index, overwrite=True, shared=True, files_of=lambda _: there(layout)
    ) as transaction:
        write_files(transaction.folder, layout, step)
        transaction.commit(layout.texts[layout.index])
