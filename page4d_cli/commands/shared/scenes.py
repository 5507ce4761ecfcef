"""What `infer` and `visualize-features` share: how they tell what became of each scene."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from page4d_cli.commands.shared.console import Steps, print_json, print_line, warn
from page4d_cli.core.progress import Observer

if TYPE_CHECKING:
    from page4d_cli.pipelines.infer.each_scene import SceneResult

WrittenT = TypeVar("WrittenT")


def run_scenes(
    run: "Callable[[Observer[SceneResult[WrittenT]]], list[SceneResult[WrittenT]]]",
    tell: "Callable[[SceneResult[WrittenT], WrittenT], None]",
    as_object: "Callable[[SceneResult[WrittenT], WrittenT], Mapping[str, Any]]",
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run all scenes and print the directories that were written; exit with 1 if one failed.

    Args:
        run: does the work.
        tell: says what was written for a scene.
        as_object: the same for --json; has `frames`.
        as_json: print one object instead of the directories.
        quiet: say less.
    """
    with Steps(quiet=quiet) as steps:

        def on_result(result: "SceneResult[WrittenT]") -> None:
            if result.written is None:
                warn(f"{result.name} failed: {result.error}")
                return
            tell(result, result.written)
            if not as_json:
                print_line(str(result.out))

        results = run(steps.observer(on_result))
    if as_json:
        print_json(_as_json(results, as_object))
    failed = [result for result in results if result.error is not None]
    if failed:
        warn(f"{len(failed)} of {len(results)} scenes failed")
        raise typer.Exit(1)


def _as_json(
    results: "list[SceneResult[WrittenT]]",
    as_object: "Callable[[SceneResult[WrittenT], WrittenT], Mapping[str, Any]]",
) -> dict[str, Any]:
    runs = []
    for result in results:
        common = {"name": result.name, "out": str(result.out), "error": result.error}
        more = {"frames": 0} if result.written is None else as_object(result, result.written)
        runs.append({**common, **more})
    return {"frames": sum(run["frames"] for run in runs), "runs": runs}
