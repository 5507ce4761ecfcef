"""One process at a time in a directory that it writes to for hours."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from page4d_cli.core.errors import OutputError

LOCK = ".lock"
"""In the directory while a process holds it, and after one was killed."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory until the body ends; make it first, and remove it again if it stays empty.

    The operating system lets go of the lock however the process dies; the file does no harm then.
    Children do not inherit it, so one that outlives a killed process does not hold it. On file
    systems without locks the body runs without.

    Args:
        directory: the place.

    Raises:
        OutputError: another process holds it, or it cannot be made or written to.
    """
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = _hold(directory)
    except OSError as error:
        raise OutputError(
            f"cannot write to {directory}: {error.strerror}; choose another --out"
        ) from error
    try:
        yield
    finally:
        (directory / LOCK).unlink(missing_ok=True)
        os.close(held)
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _hold(directory: Path) -> int:
    """The open lock file, once it is ours and still in its place."""
    path = directory / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            os.close(descriptor)
            raise OutputError(
                f"another page4d is writing {directory}; wait for it, or choose another --out"
            ) from error
        except OSError:
            return descriptor
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # its last holder removed it after we had opened it
