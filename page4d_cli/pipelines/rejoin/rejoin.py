"""Join windows that lie in files, with nothing but what they say: no network, no pictures."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from page4d_cli._version import __version__
from page4d_cli.core.enums import Focal, LengthUnit, LoopSearch, TimestampSource
from page4d_cli.core.errors import InputError, RunError
from page4d_cli.core.strict_json import Json, encode, to_text
from page4d_cli.core.types import Float64Array, FrameInfo, PixelTransform
from page4d_cli.io.formats.trajectory import FIRST_CAMERA, write_intrinsics, write_tum
from page4d_cli.io.run.directory import of_segment
from page4d_cli.io.run.manifest import MANIFEST, ScaleRecord
from page4d_cli.io.run.windows import LOOPS, SKIPS, WINDOWS, WindowFiles, optional_skips
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.join.focal import joined_intrinsics
from page4d_cli.join.join import JoinedPath, join_windows
from page4d_cli.join.known_path import KnownPath
from page4d_cli.join.record import record_of
from page4d_cli.pipelines.rejoin.loops import choose_loops
from page4d_cli.pipelines.rejoin.run_windows import drop_windows, manifest_of, missing_windows
from page4d_cli.pipelines.scale.of_windows import path_in_metres
from page4d_cli.pipelines.scale.poses import KnownPoses
from page4d_cli.pipelines.scale.seen import ClipFrames
from page4d_cli.pipelines.scale.source import ScaleSource

INDEX = "join.json"
TRAJECTORY, INTRINSICS, SCALES = "trajectory.txt", "intrinsics.txt", "scales.txt"


@dataclass(frozen=True)
class Rejoined:
    """What was written."""

    path: JoinedPath
    about: dict[str, Json]
    """What `join.json` says."""
    scale: tuple[ScaleRecord, ...] = ()
    """How the lengths of each segment became metres, if that was asked for."""
    missing: tuple[str, ...] = ()
    """Windows and loops that the run has lost."""


@dataclass(frozen=True)
class RejoinOptions:
    """How windows are joined, and what becomes of them."""

    loops: LoopSearch = LoopSearch.AUTO
    given_loops: tuple[tuple[int, int], ...] = ()
    """A frame of each look of loops that are taken whatever speaks against them."""
    forbidden_loops: tuple[tuple[int, int], ...] = ()
    poses: Path | None = None
    """A path in TUM form, in metres, to which the windows are fitted."""
    focal: Focal = Focal.ONE
    scale_from: ScaleSource | None = None
    """What is known in metres; of a folder that is no run, frames are called by their numbers,
    which are their times, too."""
    drop_windows: bool = False
    """Whether the files of windows and loops are removed in the end."""
    overwrite: bool = False
    """Replace what an earlier call wrote."""

    def __post_init__(self) -> None:
        if self.poses is not None and self.scale_from is not None:
            raise InputError("--poses has a unit of its own; leave out --scale-from")
        if self.poses is not None and self.given_loops:
            raise InputError("--poses tells the path; leave out --loop")


DEFAULT_OPTIONS = RejoinOptions()


def rejoin(folder: Path, out: Path, options: RejoinOptions = DEFAULT_OPTIONS) -> Rejoined:
    """Join the windows of a folder, and write the path and the windows' factors.

    Writes `trajectory.txt` in TUM format, with the frames' numbers as their times; `intrinsics.txt`
    in pixels of the maps; `scales.txt`, what the lengths of each window are multiplied by, one a
    line; and `join.json`, which says what was found at every join and every loop.

    Args:
        folder: holds `windows/` and, maybe, `skips/` and `loops/` (`io/run/windows.py`).
        out: the folder to write.
        options: how.

    Raises:
        RunError: a window cannot be read, or is not of the run in the folder.
        InputError: a loop, the poses or the source of the scale do not fit.
        OutputError: `out` cannot be used.
        WriteError: the disk is full, or the like.
    """
    windows = WindowFiles(folder / WINDOWS)
    missing = missing_windows(folder)
    loops, forbidden = choose_loops(
        folder / LOOPS, options.loops, options.given_loops, options.forbidden_loops
    )
    known = None
    if options.poses is not None:
        known = _known_path(options.poses, windows.frames, _clip(folder, windows))
    with Transaction(out, INDEX, overwrite=options.overwrite) as files:
        path = join_windows(windows, loops, optional_skips(folder / SKIPS), known)
        path = replace(path, loops=(*path.loops, *forbidden))
        scale: tuple[ScaleRecord, ...] = ()
        if options.scale_from is not None:
            clip = _clip(folder, windows)
            path, scale = path_in_metres(
                options.scale_from, windows, path, clip.infos, clip.timestamp_source
            )
        is_metric = bool(scale) or path.follows_known
        unit = LengthUnit.METRES if is_metric else LengthUnit.RELATIVE
        _write_trajectories(files, path, unit)
        intrinsics = joined_intrinsics(windows, path, options.focal)
        _write_intrinsics(files.path(INTRINSICS), intrinsics, path.first_frame)
        _write_scales(files.path(SCALES), path.log_scales)
        names = [file.name for file in windows.paths]
        about: dict[str, Json] = {
            "page4d": __version__,
            "frames": int(path.is_seen.sum()),
            "unit": unit.value,
            "scale": encode(scale),
            "poses": None if options.poses is None else str(options.poses),
            "missing": list(missing),
            **record_of(path, names),
        }
        files.commit(to_text({**about, "files": list(files.files)}))
    if options.drop_windows:
        drop_windows(folder)
    return Rejoined(path, about, scale, missing)


def _known_path(file: Path, numbers: range, clip: ClipFrames) -> KnownPath:
    """The poses of a file, by the times of the frames.

    Raises:
        InputError: it cannot be read, or fewer than two frames have a pose.
    """
    known = KnownPoses.read(f"--poses {file}", file)
    pairs = known.pairs(clip)
    frames = np.array([numbers[place] for place in pairs], np.int64)
    return KnownPath(frames, known.T_world_camera[list(pairs.values())])


def _clip(folder: Path, windows: WindowFiles) -> ClipFrames:
    """The frames of the windows: those of the run that they are of, or numbers."""
    numbers = windows.frames
    manifest = manifest_of(folder)
    if manifest is not None:
        if numbers.stop > len(manifest.frames):
            raise RunError(
                f"{folder}: its windows are of {numbers.stop} frames, its {MANIFEST} of fewer"
            )
        frames = [manifest.frames[number] for number in numbers]
        infos = [frame.to_info(manifest.network_size) for frame in frames]
        return ClipFrames(infos, manifest.timestamp_source)
    height, width = windows[0].depth.shape[1:]
    whole = PixelTransform(
        (width, height), (width, height), (1.0, 1.0), (0.0, 0.0), (0, 0, width, height)
    )
    infos = [FrameInfo(str(n), str(n), n, float(n), whole) for n in numbers]
    return ClipFrames(infos, TimestampSource.INDEX)


def _write_intrinsics(path: Path, intrinsics: Float64Array, first_frame: int) -> None:
    rows = np.flatnonzero(np.isfinite(intrinsics).all((1, 2)))
    times = (rows + first_frame).astype(np.float64)
    write_intrinsics(path, times, intrinsics[rows], pixels_of="the maps")


def _write_trajectories(files: Transaction, path: JoinedPath, unit: LengthUnit) -> None:
    """Write all frames in one file; of several segments also each in its own."""
    rows = np.flatnonzero(path.is_seen)
    times, poses = (rows + path.first_frame).astype(np.float64), path.T_world_camera[rows]
    segments = path.segment[rows]
    begins = np.flatnonzero(np.diff(segments, prepend=segments[0]))
    world = "that of --poses" if path.follows_known else FIRST_CAMERA
    whole = files.path(TRAJECTORY)
    write_tum(whole, times, poses, unit=unit, world=world, new_worlds=begins.tolist())
    if not len(begins):
        return
    count = len(begins) + 1
    for number, mine in enumerate(np.split(np.arange(len(rows)), begins), start=1):
        place = files.path(of_segment(TRAJECTORY, number, count))
        write_tum(place, times[mine], poses[mine], unit=unit, world=world)


def _write_scales(path: Path, log_scales: Float64Array) -> None:
    with writing(path):
        path.write_text("".join(f"{np.exp(s):.9g}\n" for s in log_scales), encoding="utf-8")
