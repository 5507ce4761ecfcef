"""What is known of a data set beside its reader: origin, layouts, benchmark, limits of checks.

Each reader's file ends in its `ENTRY`; `catalogue.py` puts them together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from page4d_cli.core.benchmark import Benchmark
from page4d_cli.data.sets.recorded import RecordedSequence

ASK_OWNERS = "see the owners' page"
"""Of a fact that their pages state in words of their own, or that changes."""


def _name_of_folder(folder: Path, _marker: Path) -> str:
    return folder.absolute().name


@dataclass(frozen=True)
class DatasetLayout:
    """One way in which the sequences of a data set lie in folders."""

    name: str
    form: str
    """What a sequence looks like below the data set's folder, for people."""
    markers: tuple[str, ...]
    """Patterns, the preferred first: a folder with a match is a sequence, whole or not."""
    read: Callable[[Path, Path], RecordedSequence]
    """Reads a sequence, given its folder and the marker found in it."""
    places: tuple[str, ...] = ("",)
    """Folders in which sequences lie, below the data set's; patterns, such as `train` or `*`."""
    has_variants: bool = False
    """Whether one folder can hold several, told apart by their markers."""
    sequence_name: Callable[[Path, Path], str] = _name_of_folder
    """What a sequence is called, given its folder and the marker. A folder whose markers give
    several names holds as many sequences."""

    def name_of(self, marker: Path) -> str:
        """Name of the layout, with the marker's if there can be several."""
        return f"{self.name} {marker.name}" if self.has_variants else self.name


@dataclass(frozen=True)
class CheckLimits:
    """What `page4d check-data` still takes for right."""

    valid_share: float
    """Least share of pixels with depth."""
    depth_error: float
    """Greatest median relative error of depth between frames."""
    inlier_error: float
    """Relative error below which a point is an inlier."""
    sparse: bool = False
    """Depth is known at scattered pixels (LiDAR)."""
    positive_share: float = 0.9
    rotation_error: float = 1e-4
    track_error_px: float = 0.05
    """Greatest distance of a static point from where the camera sees it."""
    track_share: float = 1.0
    """Least share of static points within it."""


SENSOR = CheckLimits(valid_share=0.1, depth_error=0.03, inlier_error=0.05)
"""Depth of a structured-light sensor is off by 1 to 2 % at 3 m, and stamps by up to 40 ms."""


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from, for people."""

    page: str
    """Its owners' address; empty for what is made here."""
    files: str
    """What to download there, and where it belongs below the data set's folder."""
    licence: str
    """As its owners state it."""
    size: str
    """Of the download."""


@dataclass(frozen=True)
class DatasetEntry:
    """All that is known of a data set beside its reader; every table of them is made of this."""

    title: str
    """Name for people."""
    origin: Origin
    layouts: tuple[DatasetLayout, ...]
    """Ways in which its sequences lie in folders, the preferred first."""
    checks: CheckLimits | None
    """None for data without poses or without depth, which cannot be checked against each other."""
    benchmark: Benchmark = field(default_factory=Benchmark)
    """What published tables score, and how."""
