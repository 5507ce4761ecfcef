"""Turns the operating system's refusals into one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from page4d_cli.core.errors import OutputError, WriteError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, None)  # numpy reports a short write without an errno


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an `OSError` of the body, such as a full disk, into a `WriteError` that names `path`.

    What was written so far stays; a `Transaction` or `replacing` around it removes it.

    Args:
        path: the file that the body writes.

    Raises:
        WriteError: the body raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise _failure(path, error) from error


@contextmanager
def placing(out: Path) -> Iterator[None]:
    """Convert what the operating system says about a place into an `OutputError`.

    Args:
        out: the place, as it was given.

    Raises:
        OutputError: the body raised an OSError, or met a loop of links.
        WriteError: the disk is full.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            raise _failure(out, error) from error
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write to {out}: {reason}; choose another --out") from error


def _failure(path: Path, error: OSError) -> WriteError:
    reason = error.strerror or f"short write ({error})"
    if error.errno in _NO_SPACE:
        advice = "free some disk space, or choose a place on another disk"
    else:
        advice = "check the place and its permissions, or choose another place"
    return WriteError(f"cannot write {path}: {reason}; {advice}")
