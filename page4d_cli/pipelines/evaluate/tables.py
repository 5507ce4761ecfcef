"""Results as tables: for people, for papers and for spreadsheets."""

import csv
import io
from dataclasses import dataclass

from page4d_cli.eval.published import published_rows
from page4d_cli.pipelines.evaluate.results import SIM3, Results

AVERAGE = "average"
_DIGITS = {"valid_pixels": 0}


@dataclass(frozen=True)
class Table:
    """Texts in rows."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def result_table(results: Results, *, published: bool = False) -> Table:
    """A row for each sequence and alignment, the averages last; failures say why.

    Args:
        results: what an evaluation found.
        published: add what papers say, marked as such.
    """
    metrics = _metrics(results)
    rows = [
        (one.name, align, str(one.frames), *_cells(values, metrics))
        for one in results.sequences
        for align, values in one.scores.items()
    ]
    frames = str(sum(one.frames for one in results.scored))
    rows += [
        (f"{AVERAGE} of {len(results.scored)}", align, frames, *_cells(values, metrics))
        for align, values in results.averages.items()
    ]
    if published:
        rows += _published(results, metrics)
    return Table(("sequence", "align", "frames", *metrics), tuple(rows))


def to_csv(results: Results) -> str:
    """All numbers with all their digits; a failed sequence has its reason in the last column."""
    text = io.StringIO()
    columns = ("sequence", "align", "frames", *_metrics(results), "error")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for one in results.sequences:
        about = {"sequence": one.name, "frames": one.frames}
        writer.writerows({**about, "align": align, **row} for align, row in one.scores.items())
        if one.error is not None:
            writer.writerow({**about, "error": one.error})
    for align, row in results.averages.items():
        writer.writerow({"sequence": AVERAGE, "align": align, **row})
    return text.getvalue()


def to_markdown(results: Results) -> str:
    """The table, and beneath it how the numbers came about."""
    table = result_table(results)
    lines = [f"# {results.measure.value} on {results.dataset.value}", ""]
    lines += [_markdown_row(table.header), _markdown_row(["---"] * len(table.header))]
    lines += [_markdown_row(row) for row in table.rows]
    if results.failures:
        lines += ["", f"{len(results.failures)} of {len(results.sequences)} sequences failed:", ""]
        lines += [f"- {one.name}: {one.error}" for one in results.failures]
    partial = [one for one in results.scored if one.missing]
    if partial:
        lines += ["", "Frames without a prediction:", ""]
        lines += [f"- {one.name}: {len(one.missing)}, {one.frames} scored" for one in partial]
    lines += ["", "Protocol:", ""]
    lines += [f"- {key}: {words}" for key, words in results.protocol.items()]
    lines += [
        f"- weights: {one.name} ({one.variant.value}), sha256 {one.sha256}"
        for one in results.weights
    ]
    lines += [f"- page4d {results.page4d}, {results.created_utc}"]
    return "\n".join(lines) + "\n"


def _metrics(results: Results) -> tuple[str, ...]:
    """Names of the numbers, in their own order; none if all sequences failed."""
    for values in results.averages.values():
        return tuple(values)
    return ()


def _cells(values: dict[str, float], metrics: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{values[name]:.{_DIGITS.get(name, 4)}f}" for name in metrics)


def _published(results: Results, metrics: tuple[str, ...]) -> list[tuple[str, ...]]:
    aligns = list(results.averages)
    rows = []
    for row in published_rows(results.dataset, results.measure):
        align = "" if row.align is None else row.align.value
        if row.align is not None and align not in aligns:
            continue
        numbers = (str(row.numbers[name]) if name in row.numbers else "" for name in metrics)
        shown = SIM3 if SIM3 in aligns else align
        rows.append((f"{row.method}, published in {row.paper}", shown, "", *numbers))
    return rows


def _markdown_row(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
