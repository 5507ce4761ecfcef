"""Turns the operating system's refusals during writing into one line."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from page4d_cli.core.errors import WriteError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, None)  # numpy reports a short write without an errno


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an `OSError` of the body, such as a full disk, into a `WriteError` that names `path`.

    What was written so far stays: inside a run directory the `RunWriter` removes it.

    Args:
        path: the file that the body writes.

    Raises:
        WriteError: the body raised an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or f"short write ({error})"
        if error.errno in _NO_SPACE:
            advice = "free some disk space, or choose a place on another disk"
        else:
            advice = "check the place and its permissions, or choose another place"
        raise WriteError(f"cannot write {path}: {reason}; {advice}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write, which takes its place if the body ends well.

    Args:
        path: replaced if it is there, and left as it is if the body fails.

    Raises:
        WriteError: the body raised an OSError.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        try:
            yield staged
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
