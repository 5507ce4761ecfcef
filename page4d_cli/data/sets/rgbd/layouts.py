"""In which forms the sequences of RGB-D recordings lie in folders."""

from collections.abc import Callable
from pathlib import Path

from page4d_cli.data.sets.entry import DatasetLayout
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rgbd.recording import LISTS


def of_lists(
    read: Callable[[Path], RecordedSequence], places: tuple[str, ...] = ("",)
) -> DatasetLayout:
    """As distributed, see `recording.py`.

    Args:
        read: reads a sequence's folder.
        places: as in `DatasetLayout`.
    """
    return DatasetLayout(
        "raw",
        "<sequence>/{rgb.txt,depth.txt,groundtruth.txt} and the files they name",
        LISTS,
        lambda folder, _marker: read(folder),
        places,
    )


def of_prepared(
    read: Callable[[Path, Path], RecordedSequence], count: int, places: tuple[str, ...] = ("",)
) -> DatasetLayout:
    """Frames chosen and paired, see `prepared.py`.

    Args:
        read: reads a sequence, given its folder and its pictures'.
        count: of frames, as published.
        places: as in `DatasetLayout`.
    """
    return DatasetLayout(
        "prepared",
        f"<sequence>/{{rgb_{count}/,depth_{count}/,groundtruth_{count}.txt}}",
        (f"rgb_{count}", "rgb_[0-9]*"),
        read,
        places,
        has_variants=True,
    )
