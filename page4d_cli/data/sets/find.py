"""Find the sequences of a data set below a folder, whatever layout they lie there in."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from natsort import natsorted

from page4d_cli.core.enums import OTHER_DATASET_NAMES, Dataset
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.entry import DatasetLayout
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.data.sets.rgbd.recording import matrix_from_pinhole

ROOT_VARIABLE = "PAGE4D_DATA"
DEFAULT_ROOT = Path("data")


@dataclass(frozen=True)
class FoundSequence:
    """A sequence that lies somewhere, not read yet."""

    dataset: Dataset
    name: str
    """The folder's, as benchmarks list it, unless the layout has names of its own."""
    folder: Path
    layout: str
    """`raw` for instance; `prepared rgb_90` where there can be several."""
    marker: Path
    """The file or folder by which it was told."""

    def read(self, pinhole: Pinhole | None = None) -> RecordedSequence:
        """Read lists and cameras; pictures and maps are read when they are asked for.

        Args:
            pinhole: fx, fy, cx, cy to take instead of the data set's.

        Raises:
            DatasetError: a file is absent or malformed.
            InputError: intrinsics are given for a data set that has them for each frame.
        """
        layouts = DATASETS[self.dataset].layouts
        layout = next(each for each in layouts if each.name_of(self.marker) == self.layout)
        sequence = layout.read(self.folder, self.marker)
        if pinhole is not None:
            if sequence.intrinsics is not None and sequence.intrinsics.ndim == 3:
                raise InputError(
                    f"{self.name} of {self.dataset.value} has intrinsics of its own for each frame;"
                    " leave out --intrinsics"
                )
            sequence = replace(sequence, intrinsics=matrix_from_pinhole(pinhole))
        k = sequence.intrinsics
        if k is None or k.ndim == 3:
            return sequence
        values = (k[0, 0], k[1, 1], k[0, 2], k[1, 2])
        note = "intrinsics fx fy cx cy: " + " ".join(f"{value:g}" for value in values)
        return replace(sequence, notes=(*sequence.notes, note))


def find_sequences(dataset: Dataset, root: Path, layout: str | None = None) -> list[FoundSequence]:
    """Find sequences: the root itself, if it is one, else those below it.

    A sequence that lies there in several layouts is taken in the first of the data set's table.

    Args:
        dataset: which kind.
        root: a sequence's folder, or the folder that holds them.
        layout: take sequences of this layout only, `raw` or `prepared rgb_50` for instance.

    Returns:
        At least one, in natural order of their names.

    Raises:
        DatasetError: there is none.
    """
    _require_folder(dataset, root)
    found = _look(dataset, root, layout)
    if not found:
        wanted = "" if layout is None else f" in the layout {layout!r}"
        raise DatasetError(
            f"{root} holds no sequence of {dataset.value}{wanted}; expected "
            f"{expected_form(dataset)}, for one sequence or several"
        )
    return found


def read_sequence(
    dataset: Dataset, folder: Path, pinhole: Pinhole | None = None
) -> RecordedSequence:
    """Read the sequence in a folder; arguments and errors as `FoundSequence.read`."""
    return find_sequences(dataset, folder)[0].read(pinhole)


def resolve_root(dataset: Dataset, root: Path | None = None) -> Path:
    """Find the folder of a data set.

    Args:
        dataset: which one.
        root: its folder, or the folder that holds it by its name; by default the folder that the
            environment variable PAGE4D_DATA names, else `data`, holds it by its name.

    Returns:
        A folder below which `find_sequences` finds something.

    Raises:
        DatasetError: there is none; the message tells where it was looked for, and its form.
    """
    if root is not None:
        _require_folder(dataset, root)
    candidates = possible_roots(dataset, root)
    for candidate in candidates:
        if candidate.is_dir() and _look(dataset, candidate, None):
            return candidate
    places = ", ".join(str(candidate) for candidate in candidates)
    raise DatasetError(
        f"no sequence of {dataset.value} in {places}; give its folder, or set {ROOT_VARIABLE} to "
        f"the folder that holds {dataset.value}/; expected {expected_form(dataset)}"
    )


def possible_roots(dataset: Dataset, root: Path | None = None) -> list[Path]:
    """Where `resolve_root` looks for a data set, in this order."""
    given = os.environ.get(ROOT_VARIABLE)
    base = root or (Path(given) if given else DEFAULT_ROOT)
    named = [base / name for name in (dataset.value, *OTHER_DATASET_NAMES.get(dataset, ()))]
    return named if root is None else [*named, root]


def expected_form(dataset: Dataset) -> str:
    """What the folder of a data set holds, for messages."""
    return ", or ".join(layout.form for layout in DATASETS[dataset].layouts)


def _require_folder(dataset: Dataset, root: Path) -> None:
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder; give the folder of the data set {dataset.value}")


def _look(dataset: Dataset, root: Path, layout: str | None) -> list[FoundSequence]:
    # By name: Sintel's final and clean pictures are one sequence in two folders.
    found: dict[str, FoundSequence] = {}
    for each in DATASETS[dataset].layouts:
        for folder in _folders(root, each):
            for marker in _markers(folder, each):
                name = each.name_of(marker)
                if layout in (None, each.name, name):
                    called = each.sequence_name(folder, marker)
                    one = FoundSequence(dataset, called, folder, name, marker)
                    found.setdefault(one.name, one)
    return natsorted(found.values(), key=lambda one: one.name)


def _folders(root: Path, layout: DatasetLayout) -> Iterator[Path]:
    """Where sequences could be; below the root only if it is none itself."""
    here = root.absolute().parent
    fits = any(place == "" or here.match(place) for place in layout.places)
    if fits and next(_markers(root, layout), None) is not None:
        yield root
        return
    for place in layout.places:
        for base in sorted(root.glob(place)) if place else [root]:
            yield from _folders_in(base)


def _folders_in(base: Path) -> list[Path]:
    if not base.is_dir():
        return []
    return sorted(
        path for path in base.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _markers(folder: Path, layout: DatasetLayout) -> Iterator[Path]:
    """What tells that a folder is a sequence, the preferred first."""
    for pattern in layout.markers:
        yield from natsorted(folder.glob(pattern), reverse=True)
