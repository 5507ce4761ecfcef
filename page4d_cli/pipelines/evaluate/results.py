"""`results.json`: what an evaluation found, sequence by sequence, and how it was done."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from page4d_cli._version import __version__
from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.eval.depth import DepthMetrics, average_metrics
from page4d_cli.eval.protocol import Measure
from page4d_cli.io.run.manifest import WeightsRecord
from page4d_cli.io.whole.transaction import replacing

RESULTS = "results.json"
SIM3 = "sim3"
"""The alignment of poses, where depth has its `Align`."""

Scores = dict[str, dict[str, float | int]]
"""Value by the name of the alignment and the name of the metric; counts stay whole."""


@dataclass(frozen=True, kw_only=True)
class SequenceResult:
    """How one sequence ended."""

    name: str
    frames: int = 0
    """Number of frames that were scored."""
    windows: int = 1
    """In how many windows they were predicted, which were joined; 1: all in one pass."""
    missing: tuple[str, ...] = ()
    """Frames of the data set without a prediction."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know."""
    weights: WeightsRecord | None = None
    """Weights of the network that predicted, where it is known."""
    scores: Scores = field(default_factory=dict)
    fits: Scores = field(default_factory=dict)
    """Scale and shift of each alignment, where there is one for the sequence."""
    error: str | None = None
    """Why there are no scores."""
    data: str | None = None
    """Fingerprint of the sequence's data, by which kept scores are recognised."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """An evaluation as `results.json` holds it."""

    schema: Literal[1] = 1
    page4d: str = __version__
    command: tuple[str, ...]
    """The words of the command line (argv)."""
    created_utc: str
    """When the results were written, in UTC, as ISO 8601 has it."""
    versions: dict[str, str]
    """Versions of Python and of the packages that computed, by name."""
    dataset: Dataset
    measure: Measure
    protocol: dict[str, str]
    """What was measured and how, in words."""
    settings: dict[str, Json]
    """What was asked for."""
    weights: tuple[WeightsRecord, ...]
    """Weights of all networks that predicted, which should be one."""
    sequences: tuple[SequenceResult, ...]
    averages: Scores
    """Over the sequences that did not fail."""
    failed: int
    """How many sequences have no scores."""

    @property
    def scored(self) -> list[SequenceResult]:
        """Sequences that did not fail."""
        return [one for one in self.sequences if one.error is None]

    @property
    def failures(self) -> list[SequenceResult]:
        """Sequences without scores."""
        return [one for one in self.sequences if one.error is not None]


def average(measure: Measure, sequences: Iterable[SequenceResult]) -> Scores:
    """Mean over sequences by alignment: of depth weighted by valid pixels, of poses plain.

    Args:
        measure: what was measured.
        sequences: those with scores.

    Returns:
        Nothing if there is no sequence.
    """
    by_align: dict[str, list[dict[str, float]]] = {}
    for one in sequences:
        for align, metrics in one.scores.items():
            by_align.setdefault(align, []).append(metrics)
    mean = _mean_of_poses if measure is Measure.POSE else _mean_of_depth
    return {align: mean(rows) for align, rows in by_align.items()}


def _mean_of_depth(rows: list[dict[str, float]]) -> dict[str, float]:
    return average_metrics(map(DepthMetrics.from_dict, rows)).as_dict()


def _mean_of_poses(rows: list[dict[str, float]]) -> dict[str, float]:
    from page4d_cli.eval.pose import PoseMetrics, average_pose_metrics  # evo: seconds to import

    return average_pose_metrics(PoseMetrics(*row.values()) for row in rows).as_dict()


def read_results(path: Path) -> Results:
    """Read and check a `results.json`.

    Raises:
        InputError: it is absent, no JSON, of another schema, or mistyped.
    """
    advice = "give a results.json that page4d eval-depth or eval-pose has written"
    return read_json(Results, path, InputError, advice, defaults=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, complete or not at all.

    Raises:
        WriteError: it cannot be written.
    """
    with replacing(path) as staged:
        staged.write_text(text, encoding="utf-8")
