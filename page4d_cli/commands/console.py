"""How the commands speak: results to stdout, talk to stderr, one line for an error."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import typer


def fail(message: str, exit_code: int) -> typer.Exit:
    """Print one line to stderr and return what the caller has to raise."""
    typer.secho(f"error: {' '.join(message.split())}", err=True, fg="red")
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
    indent = 2 if sys.stdout.isatty() else None
    typer.echo(json.dumps(result, indent=indent, allow_nan=False))
