"""A hidden directory beside a run's place, in which the run is written before it is moved.

Named `.{name}.{host}-{pid}.partial`, so that the next run can tell those of dead processes.
"""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def create_staging(out: Path) -> Path:
    """Make the staging directory of this process for `out`; its parent must exist.

    Args:
        out: absolute place of the run.

    Returns:
        The new, empty directory, on the file system of `out`.

    Raises:
        OSError: it cannot be made.
    """
    staging = _home(out) / f"{_prefix(out)}{os.getpid()}.partial"
    staging.mkdir()
    return staging


def remove_stale_staging(out: Path) -> None:
    """Remove what killed processes of this host have left for `out`; what resists stays.

    Args:
        out: absolute place of a run.
    """
    for entry in stale_staging(out):
        shutil.rmtree(entry, ignore_errors=True)


def stale_staging(out: Path) -> list[Path]:
    """What killed processes of this host have left for `out`.

    A process has one writer for a place at a time, so a directory with our own process id is an
    earlier process's, too: containers begin again with the same ids.

    Args:
        out: absolute place of a run.
    """
    return [
        entry
        for pid, entry in _staging_of_this_host(out)
        if pid == os.getpid() or not _is_alive(pid)
    ]


def staging_of_others(out: Path) -> list[Path]:
    """Where other living processes of this host are writing a run for `out`."""
    return [
        entry for pid, entry in _staging_of_this_host(out) if pid != os.getpid() and _is_alive(pid)
    ]


def is_staging(entry: Path, out: Path) -> bool:
    """Whether `entry` is a staging directory for `out`, of any process of any host."""
    return entry.name.startswith(f".{out.name}.") and entry.name.endswith(".partial")


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let the body finish before Ctrl-C or `kill` has its effect; the main thread receives them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    previous = {
        kind: signal.signal(kind, lambda kind, _frame: caught.append(kind))
        for kind in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for kind, handler in previous.items():
            signal.signal(kind, handler)
    if caught:
        signal.raise_signal(caught[0])


def _staging_of_this_host(out: Path) -> list[tuple[int, Path]]:
    found = []
    for home in (out.parent, out):
        with suppress(OSError):  # absent or unreadable: then there is nothing of ours
            for entry in home.iterdir():
                pid = entry.name.removeprefix(_prefix(out)).removesuffix(".partial")
                if pid.isdecimal() and entry.name == f"{_prefix(out)}{pid}.partial":
                    found.append((int(pid), entry))
    return found


def _prefix(out: Path) -> str:
    return f".{out.name}.{socket.gethostname()}-"


def _home(out: Path) -> Path:
    """The parent of `out`; or `out`, where only that is ours or is a file system of its own.

    The latter is what a container sees of a mounted volume.
    """
    parent = out.parent
    if not out.is_dir():
        return parent
    same_file_system = out.stat().st_dev == parent.stat().st_dev
    return parent if same_file_system and os.access(parent, os.W_OK | os.X_OK) else out


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
