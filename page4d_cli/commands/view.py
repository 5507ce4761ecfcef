"""`page4d view`: look at a run in a browser."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, print_json, print_line, say
from page4d_cli.core.errors import InputError
from page4d_cli.core.wording import count_noun

if TYPE_CHECKING:
    from page4d_cli.io.formats.view_scene import ViewScene

_SERVED = "Served page"


def view(
    run: options.Run,
    html: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="PATH",
            help="Write one file that opens without server and network, and end.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, options.overwrite("Replace the file of --html if it is there.")
    ] = False,
    frames: options.FramesOfRun = options.ALL_FRAMES,
    static_only: options.StaticOnly = False,
    moving_only: options.MovingOnly = False,
    max_points: Annotated[
        int | None,
        typer.Option(
            help="Thin out evenly to so many, of all frames together; 300 000 if not given. A file "
            "has 15 bytes for each, and at most 8 MB of pictures."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="To listen on.", rich_help_panel=_SERVED)
    ] = 8080,
    open_browser: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open a browser.", rich_help_panel=_SERVED),
    ] = True,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Look at a run in a browser: points through time, cameras, pictures and depth.

    Serves a page to this machine, prints its address and ends with Ctrl-C; needs the package viser
    (pip install '.[view]'). With --html it writes a file instead, which needs a browser only.

    Both have a time slider, frames one by one or all at once, the static background kept while
    moving parts change, and sliders for confidence, motion and point size. Confidence is a rank: 30
    leaves out the 30 % of the points that the network is least sure of.

    For example:

      page4d view preds/

      page4d view preds/ --html clip.html --max-points 500000
    """
    if overwrite and html is None:
        raise InputError("--overwrite concerns the file of --html, which was not given")
    part = options.choose_part(static_only=static_only, moving_only=moving_only)

    from page4d_cli.io.formats.html import require_free
    from page4d_cli.io.run.directory import open_run
    from page4d_cli.pipelines.view.data import ViewOptions, view_scene
    from page4d_cli.pipelines.view.server import require_viser

    asked = ViewOptions(frames, part, max_points)
    if html is None:
        require_viser()
    else:
        require_free(html, overwrite=overwrite)
    with Steps("view", quiet=quiet) as steps:
        scene = view_scene(open_run(run), asked, progress=steps.step)
    for note in scene.notes:
        say(note, quiet=quiet)
    if html is None:
        _serve(scene, port, open_browser=open_browser, as_json=as_json, quiet=quiet)
    else:
        _write(scene, html, overwrite=overwrite, as_json=as_json, quiet=quiet)


def _write(scene: "ViewScene", path: Path, *, overwrite: bool, as_json: bool, quiet: bool) -> None:
    from page4d_cli.io.formats.html import write_viewer_html

    write_viewer_html(path, scene, overwrite=overwrite)
    size = path.stat().st_size
    if as_json:
        print_json({"html": str(path), "bytes": size, **_numbers(scene)})
        return
    say(
        f"{_contents(scene)}, {size / 1e6:.2f} MB",
        quiet=quiet,
    )
    print_line(str(path))


def _serve(
    scene: "ViewScene", port: int, *, open_browser: bool, as_json: bool, quiet: bool
) -> None:
    from page4d_cli.pipelines.view.server import serving

    with suppress(KeyboardInterrupt), serving(scene, port) as server:
        if as_json:
            print_json({"url": server.url, **_numbers(scene)})
        else:
            print_line(server.url)
        sys.stdout.flush()
        say(f"{_contents(scene)}; Ctrl-C ends", quiet=quiet)
        if open_browser and _has_display():
            import webbrowser

            webbrowser.open(server.url)
        server.run()


def _contents(scene: "ViewScene") -> str:
    return f"{count_noun(len(scene.points), 'point')} in {count_noun(len(scene.cameras), 'frame')}"


def _numbers(scene: "ViewScene") -> dict[str, object]:
    return {
        "frames": len(scene.cameras),
        "points": len(scene.points),
        "notes": list(scene.notes),
    }


def _has_display() -> bool:
    """Whether a browser has a place to open; else one for the terminal would take it over."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
