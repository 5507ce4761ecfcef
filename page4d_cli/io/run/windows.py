"""Windows of a long video as files, and the two looks of its loops.

```
windows/NAME.npz     whatever the names; put into order by `indices`
skips/NAME.npz       optional: windows of every k-th frame
loops/NAME.npz       optional: frames of two places seen together, the later place first
```

Each holds `indices` (N,), `depth` (N, H, W) with 0 for none, `intrinsics` (N, 3, 3) and
`extrinsics` (N, 3, 4), which are T_camera_world; maybe `moving` (N, H, W), true where nothing shall
be joined by the depth; other arrays are not looked at. Unit and world are the window's own. Depth
may be float16.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArrayKind, ArraySpec, names_in_npz, read_npz
from page4d_cli.core.errors import RunError
from page4d_cli.core.geometry import rotation_error
from page4d_cli.core.strict_json import Json, read_json, to_text
from page4d_cli.core.types import Float32Array, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.io.whole.transaction import Transaction, replacing
from page4d_cli.io.whole.writing import writing

WINDOWS, SKIPS, LOOPS = _KINDS = "windows", "skips", "loops"
_ADVICE = "windows are described in docs/long-videos.md"
_INDICES = {"indices": ArraySpec(ArrayKind.NUMBER, ("N",))}
_CONFIDENCE = {"confidence": ArraySpec(ArrayKind.FLOAT, ("N", "H", "W"))}
_ARRAYS = {
    **_INDICES,
    "depth": ArraySpec(ArrayKind.FLOAT, ("N", "H", "W")),
    "intrinsics": ArraySpec(ArrayKind.FLOAT, ("N", 3, 3)),
    "extrinsics": ArraySpec(ArrayKind.FLOAT, ("N", 3, 4)),
}
_MOVING = {"moving": ArraySpec(ArrayKind.BOOL, ("N", "H", "W"))}
_DESCRIPTORS = {"descriptors": ArraySpec(ArrayKind.FLOAT, ("N", "C"))}
_FARTHEST = 1e4
"""Median depths that a camera may get away from the first of its window."""
_INDEX = "index.json"
_IN_MEMORY = 3
MOST_FRAMES = 10_000_000
"""Four days of video at 30 frames a second."""


Span = tuple[int, int]


@dataclass(frozen=True)
class _Index:
    """What the windows of a store are of."""

    identity: dict[str, Json]
    windows: tuple[Span, ...]


class WindowFiles(Sequence[Window]):
    """The windows of a folder in the video's order, read when they are asked for.

    Args:
        folder: holds the files.
        skipping: whether they are of every k-th frame, with one k for all.

    Raises:
        RunError: there is none, or one of them does not say which frames it is of.
    """

    def __init__(self, folder: Path, *, skipping: bool = False) -> None:
        paths = natsorted(folder.glob("*.npz"))
        if not paths:
            raise RunError(f"{folder} holds no windows (*.npz); {_ADVICE}")
        indices = {path: _read_indices(path) for path in paths}
        (_require_one_step if skipping else _require_every_frame)(indices)
        self.paths = sorted(paths, key=lambda path: (indices[path][0], indices[path][-1]))
        self.frames = range(
            min(int(frames[0]) for frames in indices.values()),
            max(int(frames[-1]) for frames in indices.values()) + 1,
        )
        """Numbers in the video from the first frame to the last; some may be in no window."""
        self._size = read_window(self.paths[0]).depth.shape[1:]
        self._read = lru_cache(_IN_MEMORY)(self._read_of_size)

    def _read_of_size(self, path: Path) -> Window:
        window = read_window(path)
        if window.depth.shape[1:] != self._size:
            raise RunError(
                f"{path}: maps of another size than those of {self.paths[0].name}; {_ADVICE}"
            )
        return window

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self._read(path) for path in self.paths[index]]
        return self._read(self.paths[index])


def optional_skips(folder: Path) -> Sequence[Window]:
    """The windows of every k-th frame; none where there is no such folder."""
    return WindowFiles(folder, skipping=True) if any(folder.glob("*.npz")) else ()


def loop_files(folder: Path) -> dict[Path, Int64Array]:
    """The candidates' files with the frames of both looks; none where there is no such folder.

    Raises:
        RunError: a file does not hold two runs of frames.
    """
    files = {path: _read_indices(path) for path in natsorted(folder.glob("*.npz"))}
    for path, indices in files.items():
        if (np.diff(indices) != 1).sum() != 1:
            raise RunError(f"{path}: indices are not those of two runs of frames; {_ADVICE}")
    return files


def read_descriptors(path: Path) -> tuple[Int64Array, Float32Array]:
    """Frames of a window (N,), and what they look like (N, C).

    Raises:
        RunError: the file cannot be read, or has none.
    """
    arrays = read_npz(path, {**_INDICES, **_DESCRIPTORS}, RunError, _ADVICE)
    return _whole(path, arrays["indices"]), arrays["descriptors"].astype(np.float32)


def read_window(path: Path, *, with_confidence: bool = False) -> Window:
    """Read a window.

    Args:
        path: the file.
        with_confidence: for who writes maps: it must have one, too, and depth is whole. Else for
            who joins: there is no depth on what is known to move, unless all of a frame does.

    Raises:
        RunError: it cannot be read, or its arrays do not fit together; the file is named.
    """
    wanted = {**_ARRAYS, **_CONFIDENCE} if with_confidence else _ARRAYS
    arrays = read_npz(path, wanted, RunError, _ADVICE)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise RunError(f"{path}: {name} holds values that are not finite; {_ADVICE}")
    if (arrays["depth"] < 0).any():
        raise RunError(f"{path}: depth below 0, where 0 is none; {_ADVICE}")
    focal = arrays["intrinsics"][:, [0, 1], [0, 1]]
    if (focal <= 0).any():
        raise RunError(f"{path}: a focal length is not positive; {_ADVICE}")
    if not (arrays["depth"] > 0).any():
        raise RunError(f"{path}: no pixel has a depth; {_ADVICE}")
    if (rotation_error(arrays["extrinsics"][:, :, :3]) > 1e-3).any():
        raise RunError(f"{path}: extrinsics do not begin with rotations; {_ADVICE}")
    depth = arrays["depth"].astype(np.float32)
    window = Window(
        _whole(path, arrays["indices"]),
        depth if with_confidence else _of_what_stands(path, depth),
        arrays["intrinsics"].astype(np.float64),
        arrays["extrinsics"].astype(np.float64),
        arrays["confidence"].astype(np.float32) if with_confidence else None,
    )
    centres = window.cameras.T_world_camera[..., 3]
    reach = float(np.linalg.norm(centres - centres[0], axis=1).max())
    if reach > _FARTHEST * float(np.median(window.depth[window.depth > 0])):
        raise RunError(
            f"{path}: a camera is more than {_FARTHEST:,.0f} times as far from the first one as "
            f"what they see; {_ADVICE}"
        )
    return window


def _of_what_stands(path: Path, depth: Float32Array) -> Float32Array:
    """The depth without that of pixels that the file says to move."""
    if "moving" not in names_in_npz(path, RunError, _ADVICE):
        return depth
    moving = read_npz(path, _MOVING, RunError, _ADVICE)["moving"]
    if moving.shape != depth.shape:
        raise RunError(f"{path}: moving and depth are of different shapes; {_ADVICE}")
    left = np.where(moving, np.float32(0), depth)
    has_some = (left > 0).any((1, 2), keepdims=True)
    return np.where(has_some, left, depth)


def write_window(path: Path, window: Window) -> None:
    """Write a window that a network has predicted, whole or not at all.

    Maps are rounded to float16 (11 bits), 4 bytes a pixel; what is not finite becomes 0, no depth.

    Raises:
        WriteError: it cannot be written.
    """
    assert window.confidence is not None and window.descriptors is not None  # a network's have both
    optional: dict[str, Any] = {} if window.moving is None else {"moving": window.moving}
    with replacing(path) as draft, writing(path), draft.open("wb") as file:
        np.savez(
            file,
            indices=window.indices.astype(np.int32),
            depth=_half(np.maximum(window.depth, 0)),
            confidence=_half(window.confidence),
            intrinsics=window.intrinsics.astype(np.float32),
            extrinsics=window.T_camera_world.astype(np.float32),
            descriptors=_half(window.descriptors),
            **optional,
        )


def _half(maps: Float32Array) -> NDArray[np.float16]:
    most = np.finfo(np.float16).max
    return np.clip(np.where(np.isfinite(maps), maps, 0), -most, most).astype(np.float16)


def cut_before(out: Path, identity: dict[str, Json]) -> Sequence[Span] | None:
    """How an earlier call that did not end cut the clip; None if there was no such call.

    Args:
        out: the run's directory.
        identity: what must be equal.
    """
    try:
        there = read_json(_Index, _store_of(out) / _INDEX, RunError, _ADVICE)
    except RunError:
        return None
    return there.windows if there.identity == identity else None


def _store_of(out: Path) -> Path:
    place = out.resolve()
    return place.parent / f".{place.name}.{WINDOWS}"


class WindowStore:
    """Windows that are finished while a run is being made, hidden beside it.

    A window that is there is whole. They are kept until the run is complete, so that a run that was
    killed need not predict them again; how the clip was cut is kept with them.

    Args:
        out: the run's directory.
        identity: what must be equal for windows of an earlier call to be kept.
        spans: how the clip is cut unless it has been already: first frame, and the one after the
            last, of every window.
        resume: whether they may be kept at all.

    Raises:
        WriteError: the folder cannot be made or cleared.
    """

    def __init__(
        self, out: Path, identity: dict[str, Json], spans: Sequence[Span], *, resume: bool
    ) -> None:
        self.folder = _store_of(out)
        self._identity = identity
        cut = cut_before(out, identity) if resume else None
        self.spans = spans if cut is None else cut
        if cut is not None:
            return
        with writing(self.folder):
            self.clear()
            self.folder.mkdir(exist_ok=True)
        self.cut(spans)

    def cut(self, spans: Sequence[Span]) -> None:
        """Note how the clip is cut from now on; finished windows that are in it are kept.

        Raises:
            WriteError: the disk is full, or the like.
        """
        self.spans = spans
        index = _Index(self._identity, tuple(spans))
        with replacing(self.folder / _INDEX) as draft:
            draft.write_text(to_text(index), encoding="utf-8")

    def path(self, kind: str, frames: Int64Array) -> Path:
        """The file of a window of these frames; the kind is `WINDOWS`, `SKIPS` or `LOOPS`."""
        return self.folder / kind / f"{frames[0]:06d}-{frames[-1]:06d}.npz"

    def has(self, kind: str, frames: Int64Array) -> bool:
        """Whether a window is there and can be read."""
        try:
            window = read_window(self.path(kind, frames), with_confidence=True)
        except RunError:
            return False
        return np.array_equal(window.indices, frames)

    def write(self, kind: str, window: Window) -> None:
        """Keep a window.

        Raises:
            WriteError: it cannot be written.
        """
        path = self.path(kind, window.indices)
        with writing(path):
            path.parent.mkdir(exist_ok=True)
        write_window(path, window)

    def give_to(self, run: Transaction) -> None:
        """Put the windows among the files of the run that they make.

        They stay here, too, until `clear`, so that a kill before the run is complete loses none;
        where the file system has no hard links they are moved.

        Raises:
            WriteError: the disk is full, or the like.
        """
        for path in self._files():
            target = run.path(f"{path.parent.name}/{path.name}")
            with writing(target):
                try:
                    os.link(path, target)
                except OSError:
                    shutil.move(path, target)

    def clear(self) -> None:
        """Remove the windows, and what a killed process has left of one."""
        for leftover in self.folder.glob("**/.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        for path in (*self._files(), self.folder / _INDEX):
            path.unlink(missing_ok=True)
        for kind in _KINDS:
            with suppress(OSError):
                (self.folder / kind).rmdir()
        with suppress(OSError):
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        return [path for kind in _KINDS for path in sorted((self.folder / kind).glob("*.npz"))]


def _require_every_frame(indices: Mapping[Path, Int64Array]) -> None:
    for path, frames in indices.items():
        if (np.diff(frames) != 1).any():
            raise RunError(f"{path}: indices do not increase by one; {_ADVICE}")


def _require_one_step(indices: Mapping[Path, Int64Array]) -> None:
    steps = {path: set(np.diff(frames).tolist()) for path, frames in indices.items()}
    expected = next(iter(steps.values()))
    for path, found in steps.items():
        if len(found) != 1 or found != expected or min(found) < 2:
            raise RunError(f"{path}: indices do not increase by one step of 2 or more; {_ADVICE}")
    phases = {path: frames[0] % min(expected) for path, frames in indices.items()}
    for path, phase in phases.items():
        if phase != next(iter(phases.values())):
            raise RunError(f"{path}: its frames are between those of the others; {_ADVICE}")


def _read_indices(path: Path) -> Int64Array:
    return _whole(path, read_npz(path, _INDICES, RunError, _ADVICE)["indices"])


def _whole(path: Path, indices: NDArray[Any]) -> Int64Array:
    frames = indices.astype(np.int64)
    if (frames != indices).any() or frames.min() < 0 or frames.max() >= MOST_FRAMES:
        raise RunError(
            f"{path}: indices are not numbers of frames from 0 below {MOST_FRAMES:,}; {_ADVICE}"
        )
    return frames
