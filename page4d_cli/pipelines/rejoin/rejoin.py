"""Join windows that lie in files, with nothing but what they say: no network, no pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli._version import __version__
from page4d_cli.core.enums import LengthUnit, TimestampSource
from page4d_cli.core.errors import RunError
from page4d_cli.core.strict_json import Json, encode, to_text
from page4d_cli.core.types import Float64Array, FrameInfo, PixelTransform
from page4d_cli.io.formats.trajectory import write_tum
from page4d_cli.io.run.directory import of_segment
from page4d_cli.io.run.manifest import MANIFEST, ScaleRecord, read_manifest
from page4d_cli.io.run.windows import LOOPS, WINDOWS, WindowFiles, read_loops
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.join.closing import Loop
from page4d_cli.join.join import JoinedPath, join_windows
from page4d_cli.join.record import record_of
from page4d_cli.pipelines.scale.of_windows import path_in_metres
from page4d_cli.pipelines.scale.source import ScaleSource

INDEX = "join.json"
TRAJECTORY, SCALES = "trajectory.txt", "scales.txt"


@dataclass(frozen=True)
class Rejoined:
    """What was written."""

    path: JoinedPath
    about: dict[str, Json]
    """What `join.json` says."""
    scale: tuple[ScaleRecord, ...] = ()
    """How the lengths of each segment became metres, if that was asked for."""


def rejoin(
    folder: Path,
    out: Path,
    *,
    with_loops: bool = True,
    scale_from: ScaleSource | None = None,
    overwrite: bool = False,
) -> Rejoined:
    """Join the windows of a folder, and write the path and the windows' factors.

    Writes `trajectory.txt` in TUM format, with the frames' numbers as their times; `scales.txt`,
    what the lengths of each window are multiplied by, one a line; and `join.json`, which says what
    was found at every join and every loop.

    Args:
        folder: holds `windows/` and, maybe, `loops/` (`io/run/windows.py`).
        out: the folder to write.
        with_loops: whether loops are looked at.
        scale_from: what is known in metres; of a folder that is no run, frames are called by their
            numbers, which are their times, too.
        overwrite: replace what an earlier call wrote.

    Raises:
        RunError: a window cannot be read.
        InputError: `scale_from` does not fit.
        OutputError: `out` cannot be used.
        WriteError: the disk is full, or the like.
    """
    windows = WindowFiles(folder / WINDOWS)
    loops = [Loop.of(window) for window in read_loops(folder / LOOPS)] if with_loops else []
    with Transaction(out, INDEX, overwrite=overwrite) as files:
        path = join_windows(windows, loops)
        scale: tuple[ScaleRecord, ...] = ()
        if scale_from is not None:
            path, scale = path_in_metres(scale_from, windows, path, *_clip(folder, windows, path))
        unit = LengthUnit.METRES if scale else LengthUnit.RELATIVE
        _write_trajectories(files, path, unit)
        _write_scales(files.path(SCALES), path.log_scales)
        names = [file.name for file in windows.paths]
        about: dict[str, Json] = {
            "page4d": __version__,
            "frames": int(path.is_seen.sum()),
            "unit": unit.value,
            "scale": encode(scale),
            **record_of(path, names),
        }
        files.commit(to_text({**about, "files": list(files.files)}))
    return Rejoined(path, about, scale)


def _clip(
    folder: Path, windows: WindowFiles, path: JoinedPath
) -> tuple[list[FrameInfo], TimestampSource]:
    """The frames of the path: those of the run that the windows are of, or numbers."""
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        last = path.first_frame + len(path.segment)
        if last > len(manifest.frames):
            raise RunError(f"{folder}: its windows are of {last} frames, its {MANIFEST} of fewer")
        frames = manifest.frames[path.first_frame : last]
        return [frame.to_info(manifest.network_size) for frame in frames], manifest.timestamp_source
    height, width = windows[0].depth.shape[1:]
    whole = PixelTransform(
        (width, height), (width, height), (1.0, 1.0), (0.0, 0.0), (0, 0, width, height)
    )
    numbers = range(path.first_frame, path.first_frame + len(path.segment))
    infos = [FrameInfo(str(n), str(n), n, float(n), whole) for n in numbers]
    return infos, TimestampSource.INDEX


def _write_trajectories(files: Transaction, path: JoinedPath, unit: LengthUnit) -> None:
    """Write all frames in one file; of several segments also each in its own."""
    rows = np.flatnonzero(path.is_seen)
    times, poses = (rows + path.first_frame).astype(np.float64), path.T_world_camera[rows]
    segments = path.segment[rows]
    begins = np.flatnonzero(np.diff(segments, prepend=segments[0]))
    write_tum(files.path(TRAJECTORY), times, poses, unit=unit, new_worlds=begins.tolist())
    if not len(begins):
        return
    count = len(begins) + 1
    for number, mine in enumerate(np.split(np.arange(len(rows)), begins), start=1):
        place = files.path(of_segment(TRAJECTORY, number, count))
        write_tum(place, times[mine], poses[mine], unit=unit)


def _write_scales(path: Path, log_scales: Float64Array) -> None:
    with writing(path):
        path.write_text("".join(f"{np.exp(s):.9g}\n" for s in log_scales), encoding="utf-8")
