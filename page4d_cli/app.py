"""The command line: which commands there are, and how errors end."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from page4d_cli._version import __version__
from page4d_cli.commands import doctor, infer, weights
from page4d_cli.commands.console import fail
from page4d_cli.core.errors import Page4DError


class ErrorBoundary(TyperGroup):
    """Turns errors into one line and an exit status; bugs keep their traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - Typer's own signature
        """Run the command line; wrong usage gets one line, too, instead of a box."""
        standalone_mode = extra.pop("standalone_mode", True)
        try:
            status = super().main(*args, **{**extra, "standalone_mode": False})
        except Exception as error:
            # Typer's usage errors; where they live differs between its versions.
            if not (standalone_mode and hasattr(error, "format_message")):
                raise
            message = error.format_message().replace("Value error, ", "").rstrip(".")
            if message:  # none if Typer has shown the help instead
                context = getattr(error, "ctx", None)
                command = context.command_path if context is not None else "page4d"
                fail(f"{message}; see {command} --help", exit_code=2)
            sys.exit(2)
        if standalone_mode:
            sys.exit(status)
        return status

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own signature
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except Page4DError as error:
            raise fail(str(error), error.exit_code) from error
        except KeyboardInterrupt:
            raise fail("interrupted; nothing half-written was left", 130) from None


app = typer.Typer(
    name="page4d",
    cls=ErrorBoundary,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"page4d {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Cameras, depth and points from a video of a moving world, with one feed-forward network."""


app.command()(infer.infer)
app.add_typer(weights.app, name="weights")
app.command()(doctor.doctor)
