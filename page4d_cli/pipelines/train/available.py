"""Which data sets of a run are on this machine, and where to get the others."""

from dataclasses import dataclass, replace
from pathlib import Path

from page4d_cli.core.errors import DatasetError, OutputError
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.find import possible_roots, resolve_root
from page4d_cli.pipelines.train.data_options import DataOptions, DatasetOptions
from page4d_cli.pipelines.train.disk import given_root, locate


@dataclass(frozen=True)
class MissingData:
    """A data set of the configuration that is not there."""

    options: DatasetOptions
    reason: str
    """Why it cannot be used, in full."""

    def __str__(self) -> str:
        kind, origin = self.options.kind, DATASETS[self.options.kind].origin
        where = f"; get it at {origin.page}: {origin.files}" if origin.page else ""
        roots = possible_roots(kind, given_root(self.options))
        if any(root.is_dir() for root in roots):
            return f"{self.reason}{where}"
        return f"{kind.value} is not in {', '.join(map(str, roots))}{where}"


class MissingDataError(DatasetError):
    """Data sets of a run are not there."""

    def __init__(self, missing: tuple[MissingData, ...], total: int) -> None:
        self.missing = missing
        names = ", ".join(dict.fromkeys(one.options.kind.value for one in missing))
        advice = "get them, or train on the others with --available"
        if len(missing) == total:
            advice = "get some of them, and train on those with --available"
        super().__init__(
            missing[0].reason
            if total == 1
            else f"{len(missing)} of {total} data sets are not there: {names}; {advice}"
        )


def require_outside(out: Path, data: DataOptions) -> None:
    """Refuse to write a run into one of its own data sets, which are only read.

    Raises:
        OutputError: the place lies in the folder of a data set, or is that folder.
    """
    place = out.resolve()
    for options in data.datasets:
        roots = possible_roots(options.kind, given_root(options))
        around = [root for root in roots if place.is_relative_to(root.resolve())]
        if around and (root := _root_of(options)) in around:
            raise OutputError(
                f"{out} lies in {root}, where the data set {options.kind.value} is; choose an "
                "--out outside of it"
            )


def _root_of(options: DatasetOptions) -> Path | None:
    try:
        return resolve_root(options.kind, given_root(options))
    except DatasetError:
        return None


def find_missing(data: DataOptions) -> tuple[MissingData, ...]:
    """Data sets of a mixture of which no sequence is there."""
    missing = []
    for options in data.datasets:
        try:
            locate(options)
        except DatasetError as error:
            missing.append(MissingData(options, str(error)))
    return tuple(missing)


def require_data(data: DataOptions) -> None:
    """Refuse a mixture that is not there as a whole.

    Raises:
        MissingDataError: it has all that is missing.
    """
    missing = find_missing(data)
    if missing:
        raise MissingDataError(missing, len(data.datasets))


def only_available(data: DataOptions) -> tuple[DataOptions, tuple[MissingData, ...]]:
    """The mixture of those that are there, their weights as they were, and what is left out.

    Raises:
        MissingDataError: nothing is left to train on.
    """
    missing = find_missing(data)
    left_out = [one.options for one in missing]
    there = tuple(options for options in data.datasets if options not in left_out)
    if not any(options.weight for options in there) and not data.synthetic_weight:
        raise MissingDataError(missing, len(data.datasets))
    return replace(data, datasets=there), missing
