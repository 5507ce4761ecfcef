"""Join windows that lie in files, with nothing but what they say: no network, no pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli._version import __version__
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.core.types import Float64Array
from page4d_cli.io.formats.trajectory import write_tum
from page4d_cli.io.run.directory import of_segment
from page4d_cli.io.run.windows import LOOPS, WINDOWS, WindowFiles, read_loops
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.join.closing import Loop
from page4d_cli.join.join import JoinedPath, join_windows
from page4d_cli.join.record import record_of

INDEX = "join.json"
TRAJECTORY, SCALES = "trajectory.txt", "scales.txt"


@dataclass(frozen=True)
class Rejoined:
    """What was written."""

    path: JoinedPath
    about: dict[str, Json]
    """What `join.json` says."""


def rejoin(
    folder: Path, out: Path, *, with_loops: bool = True, overwrite: bool = False
) -> Rejoined:
    """Join the windows of a folder, and write the path and the windows' factors.

    Writes `trajectory.txt` in TUM format, with the frames' numbers as their times; `scales.txt`,
    what the lengths of each window are multiplied by, one a line; and `join.json`, which says what
    was found at every join and every loop.

    Args:
        folder: holds `windows/` and, maybe, `loops/` (`io/run/windows.py`).
        out: the folder to write.
        with_loops: whether loops are looked at.
        overwrite: replace what an earlier call wrote.

    Raises:
        RunError: a window cannot be read.
        OutputError: `out` cannot be used.
        WriteError: the disk is full, or the like.
    """
    windows = WindowFiles(folder / WINDOWS)
    loops = [Loop(window) for window in read_loops(folder / LOOPS)] if with_loops else []
    with Transaction(out, INDEX, overwrite=overwrite) as files:
        path = join_windows(windows, loops)
        _write_trajectories(files, path)
        _write_scales(files.path(SCALES), path.log_scales)
        names = [file.name for file in windows.paths]
        about: dict[str, Json] = {
            "page4d": __version__,
            "frames": int(path.is_seen.sum()),
            **record_of(path, names),
        }
        files.commit(to_text({**about, "files": list(files.files)}))
    return Rejoined(path, about)


def _write_trajectories(files: Transaction, path: JoinedPath) -> None:
    """Write all frames in one file; of several segments also each in its own."""
    rows = np.flatnonzero(path.is_seen)
    times, poses = (rows + path.first_frame).astype(np.float64), path.T_world_camera[rows]
    segments = path.segment[rows]
    begins = np.flatnonzero(np.diff(segments, prepend=segments[0]))
    write_tum(files.path(TRAJECTORY), times, poses, new_worlds=begins.tolist())
    if not len(begins):
        return
    count = len(begins) + 1
    for number, mine in enumerate(np.split(np.arange(len(rows)), begins), start=1):
        write_tum(files.path(of_segment(TRAJECTORY, number, count)), times[mine], poses[mine])


def _write_scales(path: Path, log_scales: Float64Array) -> None:
    with writing(path):
        path.write_text("".join(f"{np.exp(s):.9g}\n" for s in log_scales), encoding="utf-8")
