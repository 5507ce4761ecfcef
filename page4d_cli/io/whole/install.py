"""Moves several files and folders to their place together.

They are written to a staging folder beside the place first. A kill while they are being moved
leaves the rest of them there, with a list of what goes where: the next run ends the work. A kill
at any other time leaves nothing but a hidden folder, which the next run removes.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from page4d_cli.core.errors import OutputError
from page4d_cli.io.whole.staging import (
    create_staging,
    interrupts_deferred,
    remove_stale_staging,
    staging_of_others,
    stale_staging,
)
from page4d_cli.io.whole.writing import writing

_ORDER = ".order"
"""Names of what is to be moved, one a line, first to last; with it a staging folder is complete."""
_REPLACED = ".replaced"
"""Holds what stood in the way."""


@contextmanager
def staged(place: Path) -> Iterator[Path]:
    """A staging folder for `install`, removed if that is not reached.

    Args:
        place: absolute, the folder that will hold what is written; its parent must exist.

    Raises:
        OutputError: another process writes there, or the folder cannot be made.
    """
    remove_stale_staging(place)
    if staging_of_others(place):
        raise OutputError(
            f"another page4d is writing {place}; wait for it, or choose another --out"
        )
    staging: Path | None = None
    try:
        with interrupts_deferred():  # else one could strike when it is made and not yet known here
            staging = _create(place)
        yield staging
    finally:
        if staging is not None and not (staging / _ORDER).exists():
            shutil.rmtree(staging, ignore_errors=True)


def install(staging: Path, place: Path, names: Sequence[str]) -> None:
    """Move what was staged to its place, replacing what is there; Ctrl-C waits for the end.

    Args:
        staging: of `staged`, holds `names`.
        place: made if it is not there.
        names: files and folders. The last is there only if all are: it is taken away first and
            comes back last.

    Raises:
        WriteError: the system refuses; the next `finish_installation` goes on.
    """
    with writing(place), interrupts_deferred():
        draft = staging / f"{_ORDER}.draft"
        draft.write_text("\n".join(names), encoding="utf-8")
        draft.replace(staging / _ORDER)
        _move(staging, place)


def finish_installation(place: Path) -> None:
    """End the moves that a kill has interrupted, if any.

    Args:
        place: absolute, as given to `install`.

    Raises:
        WriteError: the system refuses.
    """
    for staging in stale_staging(place):
        if (staging / _ORDER).is_file():
            with writing(place), interrupts_deferred():
                _move(staging, place)


def _create(place: Path) -> Path:
    try:
        return create_staging(place)
    except OSError as error:
        raise OutputError(
            f"cannot write to {place}: {error.strerror}; choose another --out"
        ) from error


def _move(staging: Path, place: Path) -> None:
    """Can be stopped anywhere and begun again."""
    names = (staging / _ORDER).read_text(encoding="utf-8").splitlines()
    place.mkdir(exist_ok=True)
    (staging / _REPLACED).mkdir(exist_ok=True)
    waiting = [name for name in names if os.path.lexists(staging / name)]
    for name in (*waiting[-1:], *waiting[:-1]):
        if os.path.lexists(place / name):
            (place / name).replace(staging / _REPLACED / name)
    for name in waiting:
        (staging / name).replace(place / name)
    shutil.rmtree(staging, ignore_errors=True)
