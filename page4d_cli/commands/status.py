"""`page4d status`: how far a folder of many results has come."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, print_line
from page4d_cli.commands.shared.tables import print_table, readable_bytes


def status(
    out: Annotated[
        Path,
        typer.Argument(
            parser=options.parse_path,
            metavar="OUT",
            help="What was given as --out for several scenes.",
        ),
    ],
    as_json: options.Json = False,
) -> None:
    """Tell which of many scenes are done, running, failed or missing, and what they take up.

    Reads files only: any machine that sees the folder can ask, whoever does the work. Running is
    what a process of this machine writes.

    For example:

      page4d status preds/

      page4d status preds/ --json | jq -r '.pieces[] | select(.state == "failed").name'
    """
    from page4d_cli.pipelines.status.status import PieceState, read_status

    pieces = read_status(out)
    counts = Counter(piece.state for piece in pieces)
    size = sum(piece.size_bytes for piece in pieces)
    if as_json:
        numbers = {state.value: counts[state] for state in PieceState}
        each = [asdict(piece) | {"state": piece.state.value} for piece in pieces]
        print_json({"out": str(out), **numbers, "size_bytes": size, "pieces": each})
        return
    unfinished = [piece for piece in pieces if piece.state is not PieceState.DONE]
    if unfinished:
        rows = [(piece.name, piece.state.value, piece.why or "") for piece in unfinished]
        print_table(("scene", "state", "why"), rows)
    words = ", ".join(f"{counts[state]} {state.value}" for state in PieceState)
    print_line(f"{words} of {len(pieces)}; {readable_bytes(size)}")
