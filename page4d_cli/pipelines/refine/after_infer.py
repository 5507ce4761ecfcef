"""`page4d infer --refine`: every run is refined as soon as it is written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from page4d_cli.core.errors import Page4DError
from page4d_cli.core.progress import Observer
from page4d_cli.io.run.directory import open_run
from page4d_cli.pipelines.infer.scenes import RunResult
from page4d_cli.pipelines.refine.refine import RefineOptions, refine_run


def infer_refined(
    infer: Callable[[Observer[RunResult]], list[RunResult]],
    observer: Observer[RunResult],
    command: tuple[str, ...],
) -> list[RunResult]:
    """Refine what an inference writes, in place; what cannot be refined stays, with a warning.

    Args:
        infer: writes runs with cameras and depth, and tells whom it is given.
        observer: told when a run is refined.
        command: the words of the command line.

    Returns:
        The results, with the manifests of the refined runs. Kept runs that were refined stay.
    """
    refined: dict[Path, RunResult] = {}

    def on_result(result: RunResult) -> None:
        refined[result.out] = _refined(result, observer, command)
        observer.on_result(refined[result.out])

    results = infer(replace(observer, on_result=on_result))
    return [refined.get(result.out, result) for result in results]


def _refined(
    result: RunResult, observer: Observer[RunResult], command: tuple[str, ...]
) -> RunResult:
    if result.written is None or result.written.refinement:
        return result
    try:
        done = refine_run(
            open_run(result.out), RefineOptions(command=command), progress=observer.progress
        )
    except Page4DError as error:
        observer.on_warning(f"{result.name} is not refined: {error}")
        return result
    for note in done.notes:
        observer.on_warning(f"{result.name}: {note}")
    return replace(result, written=done.manifest)
