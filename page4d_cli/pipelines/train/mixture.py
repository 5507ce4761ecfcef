"""The sources of a run's clips side by side: which sample is whose."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.pipelines.train.data_options import DataOptions
from page4d_cli.pipelines.train.disk import DiskData, open_disk_data
from page4d_cli.train.sampling import SamplePlan

SAMPLES = 1_000_000
"""Of a mixture with data sets on disk, where a sample is a sequence and a seed for the rest: enough
that weights come out exactly, and that a pass shows every sequence many times."""


@dataclass(frozen=True)
class ClipPlan:
    """Where a clip comes from."""

    source: DiskData | None
    """None: it is drawn."""
    number: int
    """Number of the drawn scene; or of the sequence, counted on after the last."""
    seed: int
    """Seed of everything else that is drawn for the clip."""
    validating: bool = False


@dataclass(frozen=True)
class Mixture:
    """Drawn scenes and data sets."""

    data: DataOptions
    datasets: tuple[DiskData, ...]

    def __len__(self) -> int:
        return sum(self._lengths())

    @property
    def sequences(self) -> tuple[str, ...]:
        """What is trained on from disk, in the order that samples are numbered in."""
        return tuple(
            f"{source.options.kind.value}/{found.name}"
            for source in self.datasets
            for found in source.training
        )

    def training_clip(self, sample: SamplePlan) -> ClipPlan:
        """Whose clip a sample is."""
        ends = list(accumulate(self._lengths()))
        source = bisect_right(ends, sample.index)
        number = sample.index - (ends[source - 1] if source else 0)
        if source == 0:
            return ClipPlan(None, number % self.data.scenes, sample.seed)
        return ClipPlan(self.datasets[source - 1], number, sample.seed)

    def validation_clips(self) -> dict[str, list[ClipPlan]]:
        """The clips to validate on, by kind of data set; the same in every run."""
        clips: dict[str, list[ClipPlan]] = {}
        data = self.data
        if data.weights[0] and data.validation_scenes:
            clips[Dataset.SYNTHETIC.value] = [
                ClipPlan(None, data.scenes + i, i, validating=True)
                for i in range(data.validation_scenes)
            ]
        for source in self.datasets:
            if source.validation:
                clips.setdefault(source.options.kind.value, []).extend(
                    ClipPlan(source, i, i, validating=True)
                    for i in range(source.options.validation_clips)
                )
        return clips

    def _lengths(self) -> list[int]:
        """Samples of each source, in proportion to the weights."""
        if not self.datasets:
            return [self.data.scenes]
        weights = self.data.weights
        return [round(SAMPLES * weight / sum(weights)) for weight in weights]


def open_mixture(data: DataOptions, on_bad: OnBad) -> Mixture:
    """Look at all data sets of a run.

    Raises:
        DatasetError: one cannot be used, see `open_disk_data`.
    """
    return Mixture(data, tuple(open_disk_data(options, on_bad) for options in data.datasets))
