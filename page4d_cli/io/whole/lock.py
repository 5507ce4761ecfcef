"""One process at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from page4d_cli.core.errors import OutputError
from page4d_cli.core.interrupts import interrupts_deferred, undone_after
from page4d_cli.io.whole.writing import placing

LOCK = ".lock"
"""In the folder while a process holds it, and after one was killed."""
_held_here: set[Path] = set()
"""Locks of this process, which do not keep its own threads apart."""


@contextmanager
def locked(folder: Path, place: Path | None = None) -> Iterator[None]:
    """Hold a folder until the body ends; make it first, and remove it again if it stays empty.

    The operating system lets go of the lock however the process dies; the file does no harm then.
    Children do not inherit it, so one that outlives a killed process does not hold it. A file
    system without locks can only tell that the file is there.

    Args:
        folder: made if it is not there.
        place: what is written, for messages; the folder itself if not given.

    Raises:
        OutputError: another process or thread holds it, or it cannot be made or written to.
    """
    place, folder = place or folder, folder.absolute()
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    held: list[int] = []

    def release() -> None:
        if held:
            (folder / LOCK).unlink(missing_ok=True)
            os.close(held.pop())
            _held_here.discard(folder)
        for path in missing:
            with suppress(OSError):
                path.rmdir()

    with undone_after(release):
        with placing(place), interrupts_deferred():  # else one could strike before it is known here
            held.append(_hold(folder, place))
            _held_here.add(folder)
        yield


def is_held(folder: Path) -> bool:
    """Whether a process of this machine holds a folder by `locked`."""
    if folder.absolute() in _held_here:
        return True
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _hold(folder: Path, place: Path) -> int:
    """The open lock file, once it is ours and still in its place."""
    path = folder / LOCK
    taken = OutputError(
        f"another page4d is writing {place}; wait for it, or choose another --out (if there is "
        f"none, delete {path})"
    )
    if folder in _held_here:
        raise taken
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        was_there = path.exists()
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # the last holder has just removed the folder
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not was_there:
                return descriptor
            os.close(descriptor)
            raise taken from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # its last holder removed it after we had opened it
