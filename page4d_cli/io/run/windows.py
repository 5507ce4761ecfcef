"""Windows of a long video as files, and the two looks of its loops.

```
windows/NAME.npz     whatever the names; put into order by `indices`
loops/NAME.npz       optional: frames of two places seen together, the later place first
```

Each holds `indices` (N,), `depth` (N, H, W) with 0 for none, `intrinsics` (N, 3, 3) and
`extrinsics` (N, 3, 4), which are T_camera_world; other arrays are not looked at. Unit and world are
the window's own. Depth may be float16.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npz
from page4d_cli.core.errors import RunError
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Float32Array, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.io.whole.transaction import Transaction, replacing
from page4d_cli.io.whole.writing import writing

WINDOWS, LOOPS = "windows", "loops"
_ADVICE = "windows are described in docs/long-videos.md"
_INDICES = {"indices": ArraySpec(ArrayKind.NUMBER, ("N",))}
_CONFIDENCE = {"confidence": ArraySpec(ArrayKind.FLOAT, ("N", "H", "W"))}
_ARRAYS = {
    **_INDICES,
    "depth": ArraySpec(ArrayKind.FLOAT, ("N", "H", "W")),
    "intrinsics": ArraySpec(ArrayKind.FLOAT, ("N", 3, 3)),
    "extrinsics": ArraySpec(ArrayKind.FLOAT, ("N", 3, 4)),
}
_IDENTITY = "identity.json"
_IN_MEMORY = 3
MOST_FRAMES = 10_000_000
"""Four days of video at 30 frames a second."""


class WindowFiles(Sequence[Window]):
    """The windows of a folder in the video's order, read when they are asked for.

    Args:
        folder: holds the files.

    Raises:
        RunError: there is none, or one of them does not say which frames it is of.
    """

    def __init__(self, folder: Path) -> None:
        paths = natsorted(folder.glob("*.npz"))
        if not paths:
            raise RunError(f"{folder} holds no windows (*.npz); {_ADVICE}")
        indices = {path: _read_indices(path) for path in paths}
        for path, frames in indices.items():
            if (np.diff(frames) != 1).any():
                raise RunError(f"{path}: indices do not increase by one; {_ADVICE}")
        self.paths = sorted(paths, key=lambda path: (indices[path][0], indices[path][-1]))
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


def read_loops(folder: Path) -> list[Window]:
    """Read the two looks of every candidate; none where there is no such folder.

    Raises:
        RunError: a file cannot be read, or does not hold two runs of frames.
    """
    loops = [read_window(path) for path in natsorted(folder.glob("*.npz"))]
    for path, loop in zip(natsorted(folder.glob("*.npz")), loops, strict=True):
        if (np.diff(loop.indices) != 1).sum() != 1:
            raise RunError(f"{path}: indices are not those of two runs of frames; {_ADVICE}")
    return loops


def read_window(path: Path, *, with_confidence: bool = False) -> Window:
    """Read a window.

    Args:
        path: the file.
        with_confidence: whether it must have one, too.

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
    rotation = arrays["extrinsics"][:, :, :3].astype(np.float64)
    is_orthonormal = np.allclose(rotation @ np.swapaxes(rotation, 1, 2), np.eye(3), atol=1e-3)
    if not is_orthonormal or (np.linalg.det(rotation) < 0).any():
        raise RunError(f"{path}: extrinsics do not begin with rotations; {_ADVICE}")
    return Window(
        _whole(path, arrays["indices"]),
        arrays["depth"].astype(np.float32),
        arrays["intrinsics"].astype(np.float64),
        arrays["extrinsics"].astype(np.float64),
        arrays["confidence"].astype(np.float32) if with_confidence else None,
    )


def write_window(path: Path, window: Window) -> None:
    """Write a window that has a confidence, whole or not at all.

    Maps are rounded to float16 (11 bits), 4 bytes a pixel; what is not finite becomes 0, no depth.

    Raises:
        WriteError: it cannot be written.
    """
    assert window.confidence is not None  # a network's windows have one
    with replacing(path) as draft, writing(path), draft.open("wb") as file:
        np.savez(
            file,
            indices=window.indices.astype(np.int32),
            depth=_half(window.depth),
            confidence=_half(window.confidence),
            intrinsics=window.intrinsics.astype(np.float32),
            extrinsics=window.T_camera_world.astype(np.float32),
        )


def _half(maps: Float32Array) -> NDArray[np.float16]:
    usable = np.where(np.isfinite(maps), maps, 0)
    return np.clip(usable, 0, np.finfo(np.float16).max).astype(np.float16)


class WindowStore:
    """Windows that are finished while a run is being made, hidden beside it.

    A window that is there is whole. They are kept until the run is complete, so that a run that was
    killed need not predict them again.

    Args:
        out: the run's directory.
        identity: what must be equal for windows of an earlier call to be kept.
        resume: whether they may be kept at all.

    Raises:
        WriteError: the folder cannot be made or cleared.
    """

    def __init__(self, out: Path, identity: dict[str, Json], *, resume: bool) -> None:
        place = out.resolve()
        self.folder = place.parent / f".{place.name}.{WINDOWS}"
        text = json.dumps(identity, sort_keys=True, indent=1) + "\n"
        index = self.folder / _IDENTITY
        with writing(self.folder):
            if not (resume and index.is_file() and index.read_text(encoding="utf-8") == text):
                self._clear()
                self.folder.mkdir(exist_ok=True)
                with replacing(index) as draft:
                    draft.write_text(text, encoding="utf-8")

    def path(self, first: int, stop: int) -> Path:
        """The file of the window of frames `first` to `stop`, the latter excluded."""
        return self.folder / f"{first:06d}-{stop - 1:06d}.npz"

    def has(self, first: int, stop: int) -> bool:
        """Whether a window is there and can be read."""
        try:
            return len(read_window(self.path(first, stop), with_confidence=True).indices) > 0
        except RunError:
            return False

    def move_to(self, run: Transaction) -> None:
        """Give the windows to the run that they make."""
        for path in sorted(self.folder.glob("*.npz")):
            target = run.path(f"{WINDOWS}/{path.name}")
            with writing(target):
                path.replace(target)
        self._clear()

    def _clear(self) -> None:
        for path in (*self.folder.glob("*.npz"), self.folder / _IDENTITY):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()


def _read_indices(path: Path) -> Int64Array:
    return _whole(path, read_npz(path, _INDICES, RunError, _ADVICE)["indices"])


def _whole(path: Path, indices: NDArray[Any]) -> Int64Array:
    frames = indices.astype(np.int64)
    if (frames != indices).any() or frames.min() < 0 or frames.max() >= MOST_FRAMES:
        raise RunError(
            f"{path}: indices are not numbers of frames from 0 below {MOST_FRAMES:,}; {_ADVICE}"
        )
    return frames
