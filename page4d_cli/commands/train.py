"""`page4d train`: a configuration in, a run of checkpoints and curves out."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, print_json, print_line, say, warn
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.enums import OnBad
from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import expand_home
from page4d_cli.core.progress import Observer

if TYPE_CHECKING:
    from page4d_cli.pipelines.train.request import StepReport

WAIT_BEFORE_RETRY_S = 10.0


def _print_configs(asked: bool) -> None:
    if not asked:
        return
    from page4d_cli.pipelines.train.config import shipped_configs

    print_table(("name", ""), list(shipped_configs().items()))
    raise typer.Exit


def train(
    config: Annotated[
        str,
        typer.Argument(
            parser=expand_home, metavar="CONFIG", help="A name of --list, or a YAML file."
        ),
    ],
    out: Annotated[Path, options.out("Where the run is written.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]", help="Changes to it, e.g. batch.max_images=8."),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            parser=options.parse_weights,
            metavar="NAME|PATH",
            help="Weights to start from; init_from=… in short.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Resume with another configuration.")
    ] = False,
    max_bad_steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="End the run after so many steps whose loss is not finite; max_bad_steps=… in "
            "short.",
            show_default=False,
        ),
    ] = None,
    on_bad: Annotated[
        OnBad | None,
        typer.Option(
            help="What to do about a file that cannot be read; skip puts another clip in its "
            "place. on_bad=… in short.",
            show_default=False,
        ),
    ] = None,
    available: Annotated[
        bool,
        typer.Option(
            "--available",
            help="Train on those data sets of the configuration that are there, as they weigh.",
        ),
    ] = False,
    retries: Annotated[
        int, typer.Option(min=0, help="Start again so often after a crash, and resume.")
    ] = 0,
    device: options.Device = "auto",
    _list: Annotated[
        bool,
        typer.Option(
            "--list",
            callback=_print_configs,
            is_eager=True,
            help="Show the configurations that come with page4d.",
        ),
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train the network, on scenes drawn on the fly or on data sets on disk.

    Prints the run's directory: checkpoints that --weights takes, TensorBoard curves, and log.jsonl
    with every value. Several processes: start with torchrun -m page4d_cli train.

    For example:

      page4d train smoke --out runs/smoke

      page4d train --list

      page4d train finetune --out runs/ft --retries 40 batch.max_images=8
    """
    flags = {
        "init_from": init_from,
        "max_bad_steps": max_bad_steps,
        "on_bad": on_bad and on_bad.value,
    }
    changes = [*(overrides or []), *(f"{key}={v}" for key, v in flags.items() if v is not None)]
    wrong = [change for change in changes if "=" not in change]
    if wrong:
        raise InputError(f"'{wrong[0]}' is no change; give key=value, e.g. steps=100")
    if retries:
        _supervise(retries, quiet=quiet)
        return

    from page4d_cli.pipelines.train.available import MissingDataError
    from page4d_cli.pipelines.train.config import load_config
    from page4d_cli.pipelines.train.loop import run_training
    from page4d_cli.pipelines.train.request import TrainRequest

    with Steps(quiet=quiet) as steps:
        request = TrainRequest(
            load_config(config, changes), out, resume, allow_changes, device, available
        )
        # The steps are the bar, which a line for each of them would take away.
        observer: Observer[StepReport] = replace(
            steps.observer(),
            on_result=lambda report: steps.step(_describe(report), report.step, report.steps),
        )
        try:
            state = run_training(request, observer)
        except MissingDataError as error:
            for line in dict.fromkeys(map(str, error.missing)) if len(error.missing) > 1 else ():
                warn(line)
            raise
    if state is None:
        return  # another process than the main one
    if as_json:
        print_json(
            {
                "out": str(out),
                "step": state.step,
                "bad_steps": state.bad_steps,
                "replaced_clips": state.replaced_clips,
                "best_objective": state.best_objective,
            }
        )
    else:
        print_line(str(out))


def _describe(report: "StepReport") -> str:
    loss = report.values.get("objective", float("nan"))
    rate = max((v for k, v in report.values.items() if k.startswith("lr/")), default=0.0)
    memory = report.peak_memory_bytes / 1e9
    return f"loss {loss:.4f}, rate {rate:.1e}, {report.seconds:.2f} s a step, {memory:.1f} GB"


def _supervise(retries: int, *, quiet: bool) -> None:
    """Run the same command without --retries, again and again until it ends well."""
    words = _without_retries(sys.argv[1:])
    for attempt in range(retries + 1):
        status = subprocess.run([sys.executable, "-m", "page4d_cli", *words]).returncode
        if status in (0, 2, 130) or attempt == retries:
            raise typer.Exit(status)
        say(f"attempt {attempt + 1} ended with status {status}; resuming", quiet=quiet)
        time.sleep(WAIT_BEFORE_RETRY_S)
        words = words if "--resume" in words else [*words, "--resume"]


def _without_retries(words: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word != "--retries" and not word.startswith("--retries="):
            kept.append(word)
        skip = word == "--retries"
    return kept
