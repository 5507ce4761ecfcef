"""Tables and sizes for people."""

import sys
from collections.abc import Sequence

from page4d_cli.commands.shared.console import harmless


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, to_stderr: bool = False
) -> None:
    """Print rows under a headline; into a pipe or a file as wide as they are, never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console = Console(stderr=to_stderr)
    if not (sys.stderr if to_stderr else sys.stdout).isatty():
        console.width = max(
            1, console.measure(table, options=console.options.update(max_width=10_000)).maximum
        )
    console.print(table)


def readable_bytes(count: int | None) -> str:
    """4831838208 as "4.8 GB"; an unknown number as "?"."""
    if count is None:
        return "?"
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
