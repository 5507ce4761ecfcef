"""The command line: which commands there are, and how errors end."""

import re
import sys
from typing import Annotated, Any

import typer

from page4d_cli._version import __version__
from page4d_cli.commands import (
    check_data,
    compare,
    data,
    doctor,
    eval_depth,
    eval_pose,
    export,
    infer,
    motion,
    prepare_bonn,
    prepare_tum,
    refine,
    rejoin,
    status,
    synth,
    train,
    view,
    visualize_features,
    weights,
)
from page4d_cli.commands.shared.console import fail, say
from page4d_cli.commands.shared.plain import PlainApp, PlainGroup
from page4d_cli.core.errors import Page4DError
from page4d_cli.core.interrupts import INTERRUPTED


class ErrorBoundary(PlainGroup):
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
            _show_usage_error(error)
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
            raise fail(INTERRUPTED, 130) from None


def _show_usage_error(error: Any) -> None:  # noqa: ANN401 - see above
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help
        error.show()
        return
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "page4d"
    fail(f"{message}; see {command} --help", exit_code=2)
    if type(error).__name__ == "MissingParameter" and context is not None:
        examples = re.findall(r"^ *(page4d .+)", context.command.help, re.MULTILINE)
        say(f"example: {examples[0]}")


app = PlainApp(
    name="page4d",
    cls=ErrorBoundary,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,  # its options would make Typer import Pydantic for every help
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
    """Cameras, depth and points from a video of a moving world, with one feed-forward network.

    Example: page4d infer clip.mp4 --out preds/
    """


app.command(short_help="Clips in; cameras, depth and points out.")(infer.infer)
app.command(short_help="Train the network.")(train.train)
app.add_typer(weights.app, name="weights")
app.command(short_help="Is this machine all right?")(doctor.doctor)
app.command(short_help="Make scenes with exact ground truth.")(synth.synth)
app.add_typer(data.app, name="data")
app.command("check-data", short_help="Is a data set's ground truth right?")(check_data.check_data)
app.command("prepare-tum", short_help="Raw TUM RGB-D sequences, made ready to be scored.")(
    prepare_tum.prepare_tum
)
app.command("prepare-bonn", short_help="Raw Bonn RGB-D sequences, made ready to be scored.")(
    prepare_bonn.prepare_bonn
)
app.command("eval-depth", short_help="How good predicted depth is.")(eval_depth.eval_depth)
app.command("eval-pose", short_help="How good predicted camera paths are.")(eval_pose.eval_pose)
app.command(short_help="Is one evaluation worse than another?")(compare.compare)
app.command("visualize-features", short_help="What every layer puts out, as pictures.")(
    visualize_features.visualize_features
)
app.command(short_help="What moves in a run, pixel by pixel.")(motion.motion)
app.command(short_help="How far a folder of many scenes has come.")(status.status)
app.command(short_help="Windows of a long video, joined.")(rejoin.rejoin)
app.command(short_help="Cameras of a run, as exact as its pictures allow.")(refine.refine)
app.command(short_help="A run, in formats of other programs.")(export.export)
app.command(short_help="A run, in a browser.")(view.view)
