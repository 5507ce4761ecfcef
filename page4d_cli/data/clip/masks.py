"""Masks of what moves, from whoever knows it: a picture for each frame, or a video."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from page4d_cli.core.errors import FramesError
from page4d_cli.core.types import FrameInfo, Frames, UInt8Array
from page4d_cli.data.clip.images import read_picture
from page4d_cli.data.clip.paths import InputKind, files_of, kind_of, list_images
from page4d_cli.data.clip.preprocess import fit_mask
from page4d_cli.data.clip.video import iter_frames

WHITE = 255
BRIGHT = 128
"""Value from which a pixel counts as moving."""


@dataclass(frozen=True)
class _Packed(Sequence[UInt8Array]):
    """Maps (H, W) of one size, of which thousands fit into memory: most of each is of one value."""

    size: tuple[int, int]
    packed: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.packed)

    @overload
    def __getitem__(self, index: int) -> UInt8Array: ...
    @overload
    def __getitem__(self, index: slice) -> "_Packed": ...
    def __getitem__(self, index: int | slice) -> "UInt8Array | _Packed":
        if isinstance(index, slice):
            return _Packed(self.size, self.packed[index])
        return np.frombuffer(zlib.decompress(self.packed[index]), np.uint8).reshape(self.size)


def files_of_masks(source: Path) -> list[Path]:
    """The files of a folder of masks, or the video; known before any frame is read.

    Raises:
        FramesError: there is no such place, or no picture in it.
    """
    try:
        return files_of(str(source))
    except FramesError as error:
        raise FramesError(f"--masks: {error}") from error


def read_masks(source: Path, frames: Frames) -> Sequence[UInt8Array]:
    """Read a mask for each frame; white is what moves.

    Args:
        source: a folder of pictures with the frames' names, or a video with as many frames as what
            the frames were chosen from. Sizes may be others, the shape may not.
        frames: S of them.

    Returns:
        S maps (H, W) of the network's pixels, from 0 (still) to 255 (moving).

    Raises:
        FramesError: there is no such place, a mask is missing or cannot be read, shows another
            shape, or none of them is white anywhere although they show something.
    """
    is_video = kind_of(str(source)) is InputKind.VIDEO
    masks = (_of_video if is_video else _of_folder)(source, frames.infos)
    packed, brightest = [b""] * len(frames), 0
    for row, mask in masks:
        _require_shape(source, mask, frames.infos[row])
        brightest = max(brightest, int(np.asarray(mask).max()))
        fitted = fit_mask(mask, frames.infos[row].transform)
        packed[row] = zlib.compress(fitted.tobytes(), level=1)
    if 0 < brightest < BRIGHT:
        raise FramesError(
            f"--masks {source}: the brightest pixel of all is {brightest} of {WHITE}; give masks "
            "that are white where something moves"
        )
    return _Packed(frames.size, tuple(packed))


def _of_folder(folder: Path, infos: Sequence[FrameInfo]) -> Iterator[tuple[int, Image.Image]]:
    """Rows and their masks, all of them known to be there."""
    kind = kind_of(str(folder))
    if kind is not InputKind.FOLDER:
        raise FramesError(f"--masks {folder}: give a folder of pictures, or a video")
    files = {path.stem: path for path in list_images(str(folder), kind)[0]}
    missing = [info.stem for info in infos if info.stem not in files]
    if missing:
        more = f" (and for {len(missing) - 1} more of {len(infos)})" if len(missing) > 1 else ""
        raise FramesError(
            f"--masks {folder}: there is none for frame {missing[0]}{more}; give a picture of each "
            "frame's name, white where something moves"
        )
    for row, info in enumerate(infos):
        yield row, read_picture(files[info.stem]).convert("L")


def _of_video(video: Path, infos: Sequence[FrameInfo]) -> Iterator[tuple[int, Image.Image]]:
    rows = {info.index: row for row, info in enumerate(infos)}
    with closing(iter_frames(video)) as frames:
        for frame in frames:
            if isinstance(frame, FramesError):
                raise frame
            row = rows.pop(frame.index, None)
            if row is not None:
                yield row, Image.fromarray(frame.rgb()).convert("L")
            if not rows:
                return
    raise FramesError(
        f"--masks {video}: it ends before frame {min(rows)}; give a video with as many frames as "
        "the one that it is of"
    )


def _require_shape(source: Path, mask: Image.Image, info: FrameInfo) -> None:
    if not info.transform.has_shape_of((mask.height, mask.width)):
        width, height = info.transform.source_size
        raise FramesError(
            f"--masks {source}: that of frame {info.stem} is of {mask.width}×{mask.height}, its "
            f"picture of {width}×{height}: another shape; give masks of the whole picture"
        )
