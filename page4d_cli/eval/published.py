"""Numbers of the papers, to print beside one's own: the one place where they stand.

Second-hand: transcribed by others from the tables of PAGE-4D and of Pi3, whose protocols differ
from one another and from both of ours. Columns of different papers are not comparable.
"""

from dataclasses import dataclass

from page4d_cli.core.enums import Align, Dataset
from page4d_cli.eval.protocol import Measure

WARNING = (
    "published numbers were measured under other protocols and are second-hand: they are not "
    "comparable with yours, nor those of one paper with another's; * marks those of one "
    "transcription only"
)


@dataclass(frozen=True)
class PublishedNumber:
    """A number as printed in a paper."""

    value: float
    one_source: bool = False
    """Only one transcription has it; the others agree on theirs."""
    elsewhere: float | None = None
    """What another transcription has instead."""

    def __str__(self) -> str:
        mark = "*" if self.one_source else ""
        other = "" if self.elsewhere is None else f" (one source: {self.elsewhere:.3f})"
        return f"{self.value:.3f}{mark}{other}"


@dataclass(frozen=True)
class PublishedRow:
    """What a paper says of a method on a data set."""

    method: str
    paper: str
    dataset: Dataset
    measure: Measure
    align: Align | None
    """None for poses, and for mono, of which the transcriptions do not name it."""
    numbers: dict[str, PublishedNumber]
    """What was published, by the name of its metric."""


def published_rows(dataset: Dataset, measure: Measure) -> list[PublishedRow]:
    """What there is of a measurement; often nothing."""
    return [row for row in _ROWS if (row.dataset, row.measure) == (dataset, measure)]


def _number(text: str) -> PublishedNumber:
    value, _, other = text.partition("/")
    elsewhere = float(other) if other else None
    return PublishedNumber(float(value.rstrip("*")), value.endswith("*"), elsewhere)


def _depth(
    method: str, paper: str, dataset: Dataset, measure: Measure, align: Align | None, *texts: str
) -> PublishedRow:
    numbers = dict(zip(("Abs Rel", "δ < 1.25"), map(_number, texts), strict=True))
    return PublishedRow(method, paper, dataset, measure, align, numbers)


def _pose(method: str, paper: str, dataset: Dataset, *texts: str) -> PublishedRow:
    numbers = dict(zip(("ATE", "RPE trans", "RPE rot"), map(_number, texts), strict=True))
    return PublishedRow(method, paper, dataset, Measure.POSE, None, numbers)


_OURS, _PI3 = ("PAGE-4D", "PAGE-4D"), ("VGGT", "Pi3")
_VGGT = ("VGGT", "PAGE-4D")
_VIDEO, _MONO = Measure.VIDEO, Measure.MONO
# "0.143/0.1": 0.143, and one source 0.1 instead; "*": one source only.
_ROWS = (
    _depth(*_OURS, Dataset.SINTEL, _VIDEO, Align.SCALE, "0.357", "0.699"),
    _depth(*_OURS, Dataset.BONN, _VIDEO, Align.SCALE, "0.092*", "0.904"),
    _depth(*_OURS, Dataset.DYCHECK, _VIDEO, Align.SCALE, "0.170", "0.785"),
    _depth(*_OURS, Dataset.SINTEL, _VIDEO, Align.SCALE_SHIFT, "0.212", "0.763"),
    _depth(*_OURS, Dataset.BONN, _VIDEO, Align.SCALE_SHIFT, "0.090", "0.903*"),
    _depth(*_OURS, Dataset.DYCHECK, _VIDEO, Align.SCALE_SHIFT, "0.145", "0.854"),
    _depth(*_OURS, Dataset.SINTEL, _MONO, None, "0.242", "0.742"),
    _depth(*_OURS, Dataset.BONN, _MONO, None, "0.053", "0.970*"),
    _depth(*_OURS, Dataset.DYCHECK, _MONO, None, "0.141*", "0.840*"),
    _pose(*_OURS, Dataset.SINTEL, "0.178/0.143", "0.069*", "0.547"),
    _pose(*_OURS, Dataset.TUM, "0.016", "0.011*", "0.323*"),
    _depth(*_VGGT, Dataset.SINTEL, _VIDEO, Align.SCALE, "0.484", "0.553"),
    _depth(*_VGGT, Dataset.BONN, _VIDEO, Align.SCALE, "0.107", "0.883"),
    _pose(*_VGGT, Dataset.SINTEL, "0.214", "0.079", "0.643"),
    _pose(*_VGGT, Dataset.TUM, "0.028", "0.014", "0.371"),
    _depth(*_PI3, Dataset.SINTEL, _VIDEO, Align.SCALE, "0.299", "0.638"),
    _depth(*_PI3, Dataset.BONN, _VIDEO, Align.SCALE, "0.057", "0.966"),
    _pose(*_PI3, Dataset.SINTEL, "0.167", "0.062", "0.491"),
    _pose(*_PI3, Dataset.TUM, "0.012", "0.010", "0.311"),
)
