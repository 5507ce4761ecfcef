"""Which data sets there are: what their folders look like, and what reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.data.bonn import read_bonn
from page4d_cli.data.rgbd import LISTS
from page4d_cli.data.scene_folder import read_scene_folder
from page4d_cli.data.sequence import Sequence
from page4d_cli.data.tum import Pinhole, read_tum


@dataclass(frozen=True)
class Reader:
    """How the folders of a data set are told and read."""

    markers: tuple[str, ...]
    """A folder with one of these files is a sequence, whole or not."""
    read: Callable[[Path, Pinhole | None], Sequence]
    """Of a folder, with fx fy cx cy to take instead of the data set's."""


def _read_scene(folder: Path, pinhole: Pinhole | None) -> Sequence:
    if pinhole is not None:
        raise InputError("synthetic scenes know their intrinsics; leave out --intrinsics")
    return read_scene_folder(folder)


READERS = {
    Dataset.SYNTHETIC: Reader(("scene.json", "cameras.npz"), _read_scene),
    Dataset.TUM: Reader(LISTS, read_tum),
    Dataset.BONN: Reader(LISTS, read_bonn),
}


def sequence_folders(dataset: Dataset, root: Path) -> list[Path]:
    """Folders of sequences: the root itself, if it is one, else those directly below.

    Args:
        dataset: which kind.
        root: a folder.

    Returns:
        At least one, in natural order.

    Raises:
        DatasetError: there is none.
    """
    markers = READERS[dataset].markers
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder; give the folder of the data set {dataset.value}")
    if _is_sequence(root, markers):
        return [root]
    below = [path for path in root.iterdir() if _is_sequence(path, markers)]
    if not below:
        raise DatasetError(
            f"{root} holds no sequence of {dataset.value}; expected {', '.join(markers)} in it or "
            "in the folders directly below"
        )
    return natsorted(below)


def _is_sequence(folder: Path, markers: tuple[str, ...]) -> bool:
    hidden = folder.name.startswith(".")
    return not hidden and any((folder / name).is_file() for name in markers)
