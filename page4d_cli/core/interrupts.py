"""How the program ends when it is told to: with nothing half-written, and within two seconds.

Python answers Ctrl-C and `kill` only between two steps of its own, and a step can be a minute in a
library. So a thread watches, too: if the main thread has not ended in time, the watcher undoes what
is unfinished and ends the process. A later second signal ends it at once.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = "interrupted; nothing half-written was left"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDERR = 2
_GRACE_S = 1.0
"""That the main thread has to end by itself."""
_SAME_S = 0.5
"""Signals within this time are one: of a terminal to a whole group, and what wrappers pass on."""
_unfinished: list[Callable[[], None]] = []
_committing = threading.RLock()
_was_interrupted = threading.Event()
_has_ended = threading.Event()


@contextmanager
def undone_after(undo: Callable[[], None]) -> Iterator[None]:
    """Undo something when the body is over, or when the process ends before that.

    Args:
        undo: may be called twice, by two threads.
    """
    _unfinished.append(undo)
    try:
        yield
    finally:
        with interrupts_deferred():
            undo()
            _unfinished.remove(undo)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let the body finish before Ctrl-C or `kill` has its effect."""
    with _committing:
        if threading.current_thread() is not threading.main_thread():
            yield  # the main thread receives them, and the watcher waits
            return
        caught: list[int] = []
        before = {kind: signal.getsignal(kind) for kind in _SIGNALS}
        for kind, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(kind, lambda number, _frame: caught.append(number))
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)
    if caught:
        _answer(caught[0], before[signal.Signals(caught[0])])


def _answer(kind: int, handler: object) -> None:
    """Do now what a signal asked for; sending it again would count as a second one."""
    if callable(handler) and not isinstance(handler, signal.Handlers):
        handler(kind, None)
    else:
        signal.raise_signal(kind)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Take back what a library that the body imports does to the answers to Ctrl-C and `kill`."""
    before = {kind: signal.getsignal(kind) for kind in _SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other one may
            for kind, handler in before.items():
                signal.signal(kind, handler)


def watch() -> None:
    """Answer Ctrl-C and `kill` from now on; called once, by the program's main thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
    # A child would write into our pipe.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def ended() -> None:
    """Say that the main thread has told the person how it ended, so that the watcher need not."""
    _has_ended.set()


def were_asked_for() -> bool:
    """Whether Ctrl-C has been pressed; libraries turn it into errors of their own."""
    return _was_interrupted.is_set()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _was_interrupted.set()
    raise KeyboardInterrupt


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)  # as a shell reports it


def _watch(reader: int) -> None:
    first_s: float | None = None
    while True:
        kind = os.read(reader, 1)[0]
        if kind not in _SIGNALS:
            continue
        if first_s is None:
            first_s = time.monotonic()
            threading.Thread(target=_end, args=(kind,), daemon=True).start()
        elif time.monotonic() > first_s + _SAME_S:
            os._exit(128 + kind)


def _end(kind: int) -> None:
    time.sleep(_GRACE_S)
    with _committing:
        for undo in reversed(_unfinished):
            with suppress(Exception):
                undo()
        if not _has_ended.is_set() and kind == signal.SIGINT:
            with suppress(OSError):
                os.write(_STDERR, f"error: {INTERRUPTED}\n".encode())
        os._exit(128 + kind)
