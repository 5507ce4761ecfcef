"""`tracks.npz` of a refined run: points, and the pixels of the sources where they were seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npz
from page4d_cli.core.errors import RunError
from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.io.run.directory import Run
from page4d_cli.io.whole.writing import writing

TRACKS = "tracks.npz"
CONVENTION = (
    "tracks.npz: points (N, 3) in the world, colors (N, 3), errors_px (N,) mean distance of the "
    "sightings; M sightings, sorted by point: point (M,), frame (M,), pixels (M, 2) as (u, v) of "
    "the source"
)
_SPECS = {
    "points": ArraySpec(ArrayKind.FLOAT, ("N", 3)),
    "colors": ArraySpec(ArrayKind.NUMBER, ("N", 3)),
    "errors_px": ArraySpec(ArrayKind.FLOAT, ("N",)),
    "point": ArraySpec(ArrayKind.NUMBER, ("M",)),
    "frame": ArraySpec(ArrayKind.NUMBER, ("M",)),
    "pixels": ArraySpec(ArrayKind.FLOAT, ("M", 2)),
}


@dataclass(frozen=True)
class RunTracks:
    """N points, M sightings sorted by point."""

    points: Float64Array
    """(N, 3) in the world."""
    colors: UInt8Array
    """(N, 3)."""
    errors_px: Float64Array
    """(N,) mean distance of the sightings from the projected point."""
    point: NDArray[np.int64]
    """(M,) which point."""
    frame: NDArray[np.int64]
    """(M,) of the run."""
    pixels: Float64Array
    """(M, 2) as (u, v) in the source; whole numbers are pixel centres."""


def has_tracks(run: Run) -> bool:
    """Whether a run has been refined."""
    return TRACKS in run.manifest.files


def write_tracks(path: Path, tracks: RunTracks) -> None:
    """Write them; the inverse of `read_tracks`.

    Raises:
        WriteError: the file cannot be written.
    """
    with writing(path):
        np.savez(path, **{name: getattr(tracks, name) for name in _SPECS})


def read_tracks(run: Run) -> RunTracks:
    """Read those of a run that has some.

    Raises:
        RunError: the file is absent, damaged, or not of this run.
    """
    path = run.directory / TRACKS
    arrays = read_npz(path, _SPECS, RunError, "run `page4d refine` again")
    point, frame = (np.asarray(arrays[name], np.int64) for name in ("point", "frame"))
    frames = len(run.manifest.frames)
    in_range = (
        int(point.min()) >= 0
        and int(point.max()) < len(arrays["points"])
        and int(frame.min()) >= 0
        and int(frame.max()) < frames
    )
    if not (in_range and (np.diff(point) >= 0).all()):
        raise RunError(f"{path} is not of this run; run `page4d refine` again")
    return RunTracks(
        np.asarray(arrays["points"], np.float64),
        np.asarray(arrays["colors"], np.uint8),
        np.asarray(arrays["errors_px"], np.float64),
        point,
        frame,
        np.asarray(arrays["pixels"], np.float64),
    )
