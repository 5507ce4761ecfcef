"""`page4d data`: which data sets can be read, and what of them is there."""

from typing import TYPE_CHECKING

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import Steps, print_json, print_line, say
from page4d_cli.commands.shared.plain import PlainApp
from page4d_cli.commands.shared.tables import print_table

if TYPE_CHECKING:
    from page4d_cli.pipelines.check_data.inventory import Inventory, KnownDataset

app = PlainApp(
    help="List the data sets that can be read, and look at what of them is there.\n\n"
    "For example:\n\n  page4d data check sintel",
)


@app.command("list")
def list_command(as_json: options.Json = False, as_markdown: options.Markdown = False) -> None:
    """Show the data sets that can be read, their benchmarks' lists, and where they are found.

    They are looked for by name in the folder that PAGE4D_DATA names, else in data/.

    For example:

      page4d data list --json | jq '.datasets[] | select(.dataset == "sintel") | .layouts'
    """
    from page4d_cli.core.errors import InputError
    from page4d_cli.pipelines.check_data.inventory import list_datasets

    if as_json and as_markdown:
        raise InputError("--json and --markdown are two forms of one list; give one of them")
    known = list_datasets()
    if as_markdown:
        print_line(_as_markdown(known))
        return
    if as_json:
        from page4d_cli.core.strict_json import encode_fields

        print_json({"datasets": [encode_fields(one) for one in known]})
        return
    print_table(
        ("name", "pose", "depth", "layouts", "found", "where", ""),
        [
            (
                one.dataset.value,
                str(len(one.pose_sequences) or "-"),
                str(len(one.depth_sequences) or "-"),
                ", ".join(one.layouts),
                str(one.found),
                "-" if one.root is None else str(one.root),
                one.title,
            )
            for one in known
        ],
    )


@app.command()
def check(
    dataset: options.DatasetName,
    root: options.DataRoot = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what there is of a data set, and what its benchmark's list has and the folder has not.

    Quick: looks at lists, cameras and whether files are there, reads two frames a sequence.
    `page4d check-data` reads them all. Exit status 1 if something is missing or broken.

    For example:

      page4d data check sintel --root data/sintel

      page4d data check tum --json | jq -r '.missing[]'
    """
    from page4d_cli.pipelines.check_data.inventory import take_inventory

    with Steps(quiet=quiet) as steps:
        inventory = take_inventory(dataset, root, progress=steps.step)
    if as_json:
        from page4d_cli.core.strict_json import encode_fields

        print_json({**encode_fields(inventory), "complete": inventory.complete})
    else:
        _show(inventory, quiet=quiet)
    if not inventory.complete:
        raise typer.Exit(1)


def _as_markdown(known: "list[KnownDataset]") -> str:
    rows = [
        (
            f"`{one.dataset.value}`",
            one.title,
            "; or ".join(f"`{form}`" for form in one.layouts.values()),
            f"<{one.origin.page}>: {one.origin.files}" if one.origin.page else one.origin.files,
            one.origin.licence,
            one.origin.size,
        )
        for one in known
    ]
    head = ("data set", "", "layout below its folder", "where to get it", "licence", "size")
    table = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def _show(inventory: "Inventory", *, quiet: bool) -> None:
    say(f"{inventory.dataset.value} in {inventory.root}", quiet=quiet)
    print_table(
        ("sequence", "layout", "frames", "poses", "depth", "worst offset", "benchmark", ""),
        [
            (
                one.name,
                one.layout,
                *(str(count or "-") for count in (one.frames, one.poses, one.depths)),
                "-" if one.worst_offset_s is None else f"{1000 * one.worst_offset_s:.1f} ms",
                "yes" if one.in_benchmark else "no",
                "broken" if one.problem else "incomplete" if one.lacking else "",
            )
            for one in inventory.sequences
        ],
    )
    for one in inventory.sequences:
        for note in one.notes:
            say(f"{one.name}: {note}", quiet=quiet)
        if one.lacking:
            print_line(f"missing: {' and '.join(one.lacking)} of {one.name}")
        if one.problem:
            print_line(f"broken: {one.name}: {one.problem}")
    for name in inventory.missing:
        print_line(f"missing: {name}")
