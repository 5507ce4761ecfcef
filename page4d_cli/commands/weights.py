"""`page4d weights`: list, download, check and convert checkpoints."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import fail, print_json, print_line, say, warn
from page4d_cli.commands.shared.plain import PlainApp
from page4d_cli.commands.shared.tables import print_table, readable_bytes
from page4d_cli.core.enums import Precision

if TYPE_CHECKING:
    from page4d_cli.pipelines.weights.files import CheckReport

app = PlainApp(
    help="List, download, check and convert checkpoints.\n\nFor example:\n\n  page4d weights list",
)

NameOrPath = Annotated[
    str,
    typer.Argument(
        parser=options.parse_weights,
        metavar="NAME|PATH",
        help="A name of `page4d weights list`, or a checkpoint (.safetensors, .pt).",
        show_default=False,
    ),
]


@app.command("list")
def list_command(as_json: options.Json = False) -> None:
    """Show the weights that have a name, and which of them are in the Hub's cache.

    For example:

      page4d weights list
    """
    from page4d_cli.pipelines.weights.named import list_weights

    rows = list_weights()
    if as_json:
        print_json({"weights": [asdict(row) for row in rows]})
        return
    print_table(
        ("name", "variant", "ready", "size", "where", ""),
        [
            (
                row.name,
                row.variant.value,
                "yes" if row.is_ready else "no",
                "" if row.bytes is None else readable_bytes(row.bytes),
                row.where,
                row.description,
            )
            for row in rows
        ],
    )


@app.command()
def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `page4d weights list`.")],
    as_json: options.Json = False,
) -> None:
    """Bring weights into the Hugging Face Hub's cache and print where they are.

    For example:

      page4d weights download page4d
    """
    from page4d_cli.pipelines.weights.named import download as run

    path = run(name)
    if as_json:
        print_json({"name": name, "path": str(path), "bytes": path.stat().st_size})
    else:
        print_line(str(path))


@app.command()
def check(
    path: NameOrPath,
    variant: options.VariantOption = None,
    as_json: options.Json = False,
) -> None:
    """Tell what a checkpoint holds and whether it loads; exit status 2 if it does not.

    For example:

      page4d weights check checkpoint.pt --variant nomask
    """
    from page4d_cli.pipelines.weights.files import check as run

    report = run(path, variant)
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report)
    if report.problems:
        raise typer.Exit(2)


@app.command()
def convert(
    source: NameOrPath,
    destination: Annotated[
        Path,
        typer.Argument(metavar="DST", parser=options.parse_path, help="A new .safetensors file."),
    ],
    dtype: Annotated[
        Precision,
        typer.Option(
            help="Number format of the tensors that compute in it, so that a run in that precision "
            "gives the same numbers as before; auto keeps every tensor as it is."
        ),
    ] = Precision.AUTO,
    variant: options.VariantOption = None,
    overwrite: Annotated[bool, options.overwrite("Replace DST if it exists.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a checkpoint as .safetensors that state their network and variant.

    For example:

      page4d weights convert checkpoint_nomask.pt page4d.safetensors --dtype bf16
    """
    from page4d_cli.pipelines.weights.files import convert as run

    result = run(source, destination, precision=dtype, variant=variant, overwrite=overwrite)
    if result.ignored:
        warn(f"left out {result.ignored} track_head tensors, which the network does not use")
    if as_json:
        print_json(asdict(result))
        return
    say(f"wrote {readable_bytes(result.bytes)}, variant {result.variant.value}")
    print_line(result.path)


def _print_report(report: "CheckReport") -> None:
    """The report in lines; lists of tensors whole, as nothing else shows them."""
    formats = ", ".join(f"{count} {dtype}" for dtype, count in report.dtypes.items())
    lines = [
        ("file", f"{report.path} ({readable_bytes(report.bytes)})"),
        ("sha256", report.sha256),
        ("network", f"width {report.width}, {report.depth} layers"),
        ("variant", "unknown" if report.variant is None else report.variant.value),
        ("tensors", f"{report.tensors} ({formats})"),
        ("parameters", f"{report.parameters / 1e6:.1f} M"),
        ("ignored", f"{len(report.ignored)} track_head tensors" if report.ignored else "nothing"),
    ]
    for title, text in lines:
        print_line(f"{title:<12}{text}")
    for title, names in (
        ("missing", report.missing),
        ("unexpected", report.unexpected),
        ("mismatched", report.mismatched),
        ("not finite", report.non_finite),
    ):
        for name in names:
            print_line(f"{title:<12}{name}")
    print_line(f"{'loads':<12}{'no' if report.problems else 'yes'}")
    for problem in report.problems:
        fail(problem, 2)
