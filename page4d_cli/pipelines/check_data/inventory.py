"""What there is of a data set: sequences, layouts, counts, offsets in time, and what is missing.

Lists, cameras and the presence of all files are looked at, and the first and the last frame are
read; `pipelines/check_data/check.py` reads every frame and judges the values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError, FramesError
from page4d_cli.core.progress import Progress
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.entry import DatasetEntry, Origin
from page4d_cli.data.sets.find import (
    FoundSequence,
    find_sequences,
    resolve_root,
)
from page4d_cli.data.sets.recorded import RecordedSequence


@dataclass(frozen=True)
class KnownDataset:
    """A data set that can be read, and what of it is on this machine."""

    dataset: Dataset
    title: str
    pose_sequences: tuple[str, ...]
    """Over which published tables average poses."""
    depth_sequences: tuple[str, ...]
    """Over which published tables average depth."""
    layouts: dict[str, str]
    """Name and form of each."""
    origin: Origin
    root: Path | None
    """The folder where the data set is found without being told."""
    found: int
    """Sequences there."""


@dataclass(frozen=True)
class SequenceInventory:
    """What there is of a sequence."""

    name: str
    layout: str
    in_benchmark: bool
    """Whether published tables average over it."""
    frames: int = 0
    poses: int = 0
    depths: int = 0
    worst_offset_s: float | None = None
    """Between a frame and its pose or depth map; None if they have no clocks of their own."""
    notes: tuple[str, ...] = ()
    """What reading left out or assumed."""
    lacking: tuple[str, ...] = ()
    """Ground truth that the benchmark needs of it and that is not there: poses, depth."""
    problem: str | None = None
    """Why it cannot be used."""


@dataclass(frozen=True)
class Inventory:
    """What there is of a data set."""

    dataset: Dataset
    root: Path
    sequences: tuple[SequenceInventory, ...]
    missing: tuple[str, ...] = field(default=())
    """Sequences of the benchmark that are not there."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing is broken."""
        return not self.missing and not any(one.lacking or one.problem for one in self.sequences)


def list_datasets() -> list[KnownDataset]:
    """All data sets that can be read, with the place where each is found."""
    known = []
    for dataset, entry in DATASETS.items():
        try:
            root = resolve_root(dataset)
            found = len(find_sequences(dataset, root))
        except DatasetError:
            root, found = None, 0
        known.append(
            KnownDataset(
                dataset=dataset,
                title=entry.title,
                pose_sequences=entry.benchmark.pose_sequences,
                depth_sequences=entry.benchmark.depth_sequences,
                layouts={layout.name: layout.form for layout in entry.layouts},
                origin=entry.origin,
                root=root,
                found=found,
            )
        )
    return known


def take_inventory(
    dataset: Dataset, root: Path | None = None, *, progress: Progress | None = None
) -> Inventory:
    """Look at every sequence of a data set.

    Args:
        dataset: which one.
        root: as in `data.sets.find.resolve_root`; the benchmark's list is not asked for if this is
            a single sequence's folder.
        progress: told about every sequence.

    Raises:
        DatasetError: there is none.
    """
    folder = resolve_root(dataset, root)
    found = find_sequences(dataset, folder)
    entry = DATASETS[dataset]
    sequences = []
    for index, one in enumerate(found):
        sequences.append(_look_at(one, entry))
        if progress is not None:
            progress("sequences", index + 1, len(found))
    there = {one.name for one in found}
    is_single = found[0].folder == folder
    listed = () if is_single else entry.benchmark.sequences
    missing = tuple(name for name in listed if name not in there)
    return Inventory(dataset, folder, tuple(sequences), missing)


def _look_at(found: FoundSequence, entry: DatasetEntry) -> SequenceInventory:
    name, layout, in_benchmark = found.name, found.layout, found.name in entry.benchmark.sequences
    try:
        sequence = found.read()
        _require_files(sequence)
        _require_readable(sequence)
    except (DatasetError, FramesError) as error:
        return SequenceInventory(name, layout, in_benchmark, problem=str(error))
    count = len(sequence)
    return SequenceInventory(
        name=name,
        layout=layout,
        in_benchmark=in_benchmark,
        frames=count,
        poses=0 if sequence.T_camera_world is None else count,
        depths=0 if sequence.read_depth is None else count,
        worst_offset_s=sequence.worst_offset_s,
        notes=sequence.notes,
        lacking=tuple(_lacking(sequence, entry)),
    )


def _lacking(sequence: RecordedSequence, entry: DatasetEntry) -> Iterator[str]:
    if sequence.name in entry.benchmark.pose_sequences and sequence.T_camera_world is None:
        yield "poses"
    if sequence.name in entry.benchmark.depth_sequences and sequence.read_depth is None:
        yield "depth"


def _require_files(sequence: RecordedSequence) -> None:
    for what, files in (("pictures", sequence.frames), ("depth maps", sequence.depth_files or ())):
        absent = [path for path in files if not path.is_file()]
        if absent:
            raise DatasetError(
                f"{absent[0]} does not exist ({len(absent)} of {len(files)} {what} are missing)"
            )


def _require_readable(sequence: RecordedSequence) -> None:
    """Read the first and the last frame."""
    for index in sorted({0, len(sequence) - 1}):
        height, width = sequence.read_image(index).shape[:2]
        if sequence.read_depth is None:
            continue
        shape = sequence.read_depth(index).shape
        if shape != (height, width):
            raise DatasetError(
                f"{sequence.frames[index]} is {width}×{height}, its depth {shape[1]}×{shape[0]}"
            )
