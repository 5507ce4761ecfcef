"""A check of a data set, written down: a summary for programs, pictures for people.

```
out/
  summary.json         the report whole; moved to its place last
  summary.csv          a row a sequence
  <sequence>/          pictures (`pipelines/check_data/pictures.py`)
```
"""

import csv
from pathlib import Path

from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json, encode_fields, to_text
from page4d_cli.data.sets.find import resolve_root
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.io.whole.transaction import Transaction, require_apart
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.check_data.check import DataReport, SequenceReport, check_data
from page4d_cli.pipelines.check_data.pictures import write_pictures

SUMMARY_JSON, SUMMARY_CSV = "summary.json", "summary.csv"


def check_data_to(
    out: Path,
    dataset: Dataset,
    root: Path | None = None,
    *,
    overwrite: bool = False,
    pinhole: Pinhole | None = None,
    on_bad: OnBad = OnBad.STOP,
    progress: Progress | None = None,
) -> DataReport:
    """Check a data set as `check_data` does, and write the report with pictures.

    Args:
        out: a folder; made if it is not there.
        dataset: which kind.
        root: as in `data.sets.find.resolve_root`.
        overwrite: replace files of an earlier check.
        pinhole: fx, fy, cx, cy to take instead of the data set's.
        on_bad: what to do about files that cannot be read.
        progress: told about every frame.

    Raises:
        InputError: as `check_data`; nothing is written then.
        OutputError: the place holds something already, or cannot be written to.
        WriteError: the disk is full, or the like.
    """
    require_apart(out, inputs=[resolve_root(dataset, root)])
    with Transaction(out, SUMMARY_JSON, overwrite=overwrite) as transaction:
        folder = transaction.folder

        def draw(sequence: RecordedSequence, report: SequenceReport) -> None:
            write_pictures(folder / report.name, sequence, report.frames)

        report = check_data(
            dataset, root, pinhole=pinhole, on_bad=on_bad, on_sequence=draw, progress=progress
        )
        with writing(folder / SUMMARY_CSV):
            _write_csv(folder / SUMMARY_CSV, report)
        transaction.commit(to_text({**as_json(report), "files": transaction.files}))
    return report


def as_json(report: DataReport) -> dict[str, Json]:
    """What `--json` prints and `summary.json` holds."""
    return {
        "dataset": report.dataset.value,
        "root": str(report.root),
        "passed": report.passed,
        "sequences": [
            {
                **encode_fields(one),
                "frames": len(one.frames),
                "passed": one.passed,
                "result": one.result,
            }
            for one in report.sequences
        ],
        "skipped": list(report.skipped),
    }


def _write_csv(path: Path, report: DataReport) -> None:
    columns = ("sequence", "frames", "valid_depth", "depth_error", "inlier_share", "passed")
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow((*columns, "failures", "files_skipped", "not_judged"))
        for one in report.sequences:
            failures, not_judged = (
                "; ".join(f"{each.check.value}: {each.message}" for each in findings)
                for findings in (one.failures, one.not_judged)
            )
            values = (one.valid_depth, one.depth_error, one.inlier_share, one.passed)
            skipped = len(one.skipped)
            table.writerow((one.name, len(one.frames), *values, failures, skipped, not_judged))
