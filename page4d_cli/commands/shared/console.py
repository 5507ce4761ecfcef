"""How the commands speak: results to stdout, talk to stderr, one line for an error.

All that they say goes through here, where it is made harmless.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import typer

from page4d_cli.commands.shared.tally import Tally
from page4d_cli.core.progress import Observer, ResultT

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\udc80-\udc9f]"
)
"""Characters that command a terminal instead of showing something; the last are raw bytes of it."""


def harmless(text: str) -> str:
    """A text in one line, in which nothing commands the terminal: names of files can hold all."""
    return _UNSEEN.sub(_spelt_out, " ".join(text.splitlines()))


def _spelt_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    is_byte = code < 0x100 or code >= 0xDC80
    return f"\\x{code & 0xFF:02x}" if is_byte else f"\\u{code:04x}"


def fail(message: str, exit_code: int) -> typer.Exit:
    """Print one line to stderr and return what the caller has to raise."""
    _say_in_color("error", message, "red")
    return typer.Exit(exit_code)


def say(message: str, *, quiet: bool = False) -> None:
    """Tell the person at the terminal something that is not the result."""
    if not quiet:
        typer.echo(harmless(message), err=True)


def warn(message: str) -> None:
    """Tell the person what they should know even with --quiet."""
    _say_in_color("warning", message, "yellow")


def _say_in_color(kind: str, message: str, color: str) -> None:
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    text = f"{kind}: {harmless(message)}"
    typer.secho(text, err=True, fg=color, color=False if plain else None)


def print_line(text: str) -> None:
    """Print a line of the result to stdout; for another program it stays as it is."""
    # Not by Typer, which takes out what looks like colours, as names of files can.
    sys.stdout.write((harmless(text) if sys.stdout.isatty() else text) + "\n")
    sys.stdout.flush()


def print_json(result: Mapping[str, Any]) -> None:
    """Print one JSON object, the only thing on stdout."""
    import json

    indent = 2 if sys.stdout.isatty() else None
    typer.echo(json.dumps(result, indent=indent, allow_nan=False))


class Steps:
    """A progress bar on stderr that shows itself after two seconds, and on a terminal only.

    Of many scenes it is one line for all: how many have ended, frames a second, failures, the time
    left, and what the scene at hand is at, where that is known.

    Args:
        title: what the steps belong to.
        quiet: no bar, and notes are not said.
    """

    def __init__(self, title: str = "", *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._hidden = quiet or not sys.stderr.isatty()
        self._title = title
        self._begin = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._done = self._total = 0
        self._tally: Tally | None = None

    def __enter__(self) -> "Steps":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def observer(
        self, on_result: Callable[[ResultT], None] = lambda _result: None
    ) -> Observer[ResultT]:
        """Shows steps, says notes and warnings, and makes room for what `on_result` says."""

        def on_note(text: str) -> None:
            self.clear()
            say(text, quiet=self._quiet)

        def on_warning(text: str) -> None:
            self.clear()
            warn(text)

        def on_each(result: ResultT) -> None:
            self.clear()
            on_result(result)
            if self._tally is not None and self._tally.ended < self._tally.total:
                self._show("", self._tally.ended, self._tally.total)

        return Observer(self.title, on_note, on_warning, on_each, self.step)

    def clear(self) -> None:
        """Take the bar away, for something else to be printed."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None

    def title(self, name: str, _index: int, count: int) -> None:
        """Name the scene that the next steps belong to."""
        self._title = name
        if count > 1:
            self._tally = self._tally or Tally(count)
            self._show("", self._tally.ended, count)

    def count(self, *, frames: int, is_kept: bool, has_failed: bool) -> None:
        """Count a scene that has ended; see `Tally.add`."""
        if self._tally is not None:
            self._tally.add(frames=frames, is_kept=is_kept, has_failed=has_failed)

    def sum_up(self) -> None:
        """Say how many scenes there were, if there were many."""
        if self._tally is not None:
            self.clear()
            say(self._tally.summary(), quiet=self._quiet)

    def step(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of `what` are done; a new total begins a new bar."""
        if self._tally is None:
            self._show(f"{self._title}: {what}" if self._title else what, done, total)
        else:
            now = f"; {self._title}: {what} {done}/{total}"
            self._show(now, self._tally.ended, self._tally.total)

    def _show(self, text: str, done: int, total: int) -> None:
        if self._hidden or time.monotonic() - self._begin < 2:
            return
        if self._progress is None:
            self._progress = _progress_bar(in_words=self._tally is not None)
            self._progress.start()
        description = harmless(text if self._tally is None else self._tally.in_words() + text)
        if self._task is None or total != self._total or done < self._done:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(description, total=total)
        self._progress.update(self._task, description=description, completed=done)
        self._done, self._total = done, total


def _progress_bar(*, in_words: bool) -> "Progress":
    """A bar with what it is about; `in_words`: the text says how far it is."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description}", markup=False)
    columns: list[ProgressColumn] = [BarColumn(20), text]
    if not in_words:
        columns = [
            text,
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        ]
    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
    )
