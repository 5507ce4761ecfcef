"""What the commands that do many scenes share: how they tell what became of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from page4d_cli.commands.shared.console import Steps, print_json, print_line, warn
from page4d_cli.commands.shared.tables import print_table
from page4d_cli.core.progress import Observer

if TYPE_CHECKING:
    from page4d_cli.pipelines.scenes.each_scene import SceneResult

WrittenT = TypeVar("WrittenT")


def run_scenes(
    run: "Callable[[Observer[SceneResult[WrittenT]]], list[SceneResult[WrittenT]]]",
    tell: "Callable[[SceneResult[WrittenT], WrittenT], None]",
    as_object: "Callable[[SceneResult[WrittenT], WrittenT], Mapping[str, Any]]",
    *,
    lines: "Callable[[SceneResult[WrittenT], WrittenT], Sequence[str]] | None" = None,
    flat: bool = False,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run all scenes and print what was written; exit with 1 if one failed.

    Args:
        run: does the work.
        tell: says what was written for a scene.
        as_object: the same for --json.
        lines: what is printed for a scene; by default its folder.
        flat: with --json, of a single scene print nothing but `as_object`.
        as_json: print one object instead.
        quiet: say less.
    """
    with Steps(quiet=quiet) as steps:

        def on_result(result: "SceneResult[WrittenT]") -> None:
            steps.count(
                frames=result.frames, is_kept=result.kept, has_failed=result.error is not None
            )
            if result.written is None:
                warn(f"{result.name} failed: {result.error}")
                return
            tell(result, result.written)
            if not as_json:
                for line in lines(result, result.written) if lines else [str(result.out)]:
                    print_line(line)

        results = run(steps.observer(on_result))
        steps.sum_up()
    if as_json:
        print_json(_as_json(results, as_object, flat=flat))
    failed = [result for result in results if result.error is not None]
    if failed:
        rows = [(result.name, result.error or "") for result in failed]
        print_table(("failed", "why"), rows, to_stderr=True)
        warn(f"{len(failed)} of {len(results)} scenes failed")
        raise typer.Exit(1)


def _as_json(
    results: "list[SceneResult[WrittenT]]",
    as_object: "Callable[[SceneResult[WrittenT], WrittenT], Mapping[str, Any]]",
    *,
    flat: bool,
) -> Mapping[str, Any]:
    runs = []
    for result in results:
        common = {
            "name": result.name,
            "out": str(result.out),
            "state": result.state,
            "seconds": result.seconds,
            "frames": result.frames,
            "error": result.error,
        }
        written = result.written
        runs.append(common if written is None else {**common, **as_object(result, written)})
    if flat and len(results) == 1 and results[0].written is not None:
        return as_object(results[0], results[0].written)
    return {"frames": sum(result.frames for result in results), "runs": runs}
