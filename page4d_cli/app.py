"""The command line: which commands there are, and how errors end."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from page4d_cli._version import __version__
from page4d_cli.commands.console import fail
from page4d_cli.core.errors import Page4DError


class ErrorBoundary(TyperGroup):
    """Turns a `Page4DError` into one line and its exit status; bugs keep their traceback."""

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
