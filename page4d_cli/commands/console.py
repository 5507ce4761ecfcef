"""How the commands speak: results to stdout, talk to stderr, one line for an error."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import typer

from page4d_cli.core.progress import Observer, ResultT

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def fail(message: str, exit_code: int) -> typer.Exit:
    """Print one line to stderr and return what the caller has to raise."""
    typer.secho(f"error: {' '.join(message.splitlines())}", err=True, fg="red")
    return typer.Exit(exit_code)


def say(message: str, *, quiet: bool = False) -> None:
    """Tell the person at the terminal something that is not the result."""
    if not quiet:
        typer.echo(message, err=True)


def warn(message: str) -> None:
    """Tell the person what they should know even with --quiet."""
    typer.secho(f"warning: {message}", err=True, fg="yellow")


def print_json(result: Mapping[str, Any]) -> None:
    """Print one JSON object, the only thing on stdout."""
    import json

    indent = 2 if sys.stdout.isatty() else None
    typer.echo(json.dumps(result, indent=indent, allow_nan=False))


class Steps:
    """A progress bar on stderr that shows itself after two seconds, and on a terminal only.

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

        return Observer(self.title, on_note, on_warning, on_each, self.step)

    def clear(self) -> None:
        """Take the bar away, for something else to be printed."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None

    def title(self, name: str, index: int, count: int) -> None:
        """Name the scene that the next steps belong to."""
        self._title = name if count == 1 else f"{name} ({index + 1}/{count})"

    def step(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of `what` are done; a new total begins a new bar."""
        if self._hidden or time.monotonic() - self._begin < 2:
            return
        if self._progress is None:
            self._progress = _progress_bar()
            self._progress.start()
        description = f"{self._title}: {what}" if self._title else what
        if self._task is None or total != self._total or done < self._done:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(description, total=total)
        self._progress.update(self._task, description=description, completed=done)
        self._done, self._total = done, total


def _progress_bar() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
