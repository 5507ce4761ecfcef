"""The types that cross layers. All arrays are numpy; shapes are checked once, where they enter.

Shapes: S frames, H W pixels of the network's maps.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.geometry import FloatArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
UInt8Array = NDArray[np.uint8]
MOST_PIXELS = 2**28
"""Of a picture: more than any library reads, and what 1 GiB holds at four bytes each."""
_MOST_SCALE = 1e5
_SHAPE_TOLERANCE = 0.02
"""Of width over height: other sizes are whole numbers, too."""
_Scalar = TypeVar("_Scalar", bound=np.generic)


def _require_shape(name: str, array: NDArray[np.generic] | None, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")


@dataclass(frozen=True)
class PixelTransform:
    """Where the pixels of a source picture lie in the network's picture, axis by axis.

    With whole numbers at pixel centres: network = scale · (source + ½) − ½ + offset.
    """

    source_size: tuple[int, int]
    """(width, height) of the upright source picture."""
    size: tuple[int, int]
    """(width, height) of the network's picture."""
    scale: tuple[float, float]
    """(x, y) network pixels a source pixel; they differ a little, sides being multiples of 14, and
    as much as the source's pixels are wider than high."""
    offset: tuple[float, float]
    """(x, y) shift in network pixels: padding is positive, cropping negative."""
    content: tuple[int, int, int, int]
    """(left, top, right, bottom), half open: the network's pixels that show the source."""

    def __post_init__(self) -> None:
        for name, (width, height) in (("source_size", self.source_size), ("size", self.size)):
            if min(width, height) < 1 or width * height > MOST_PIXELS:
                raise ValueError(f"{name} is {width}×{height}, expected a picture's")
        if not all(1 / _MOST_SCALE <= scale <= _MOST_SCALE for scale in self.scale):
            raise ValueError(f"scale is {self.scale}, expected up to {_MOST_SCALE:g} either way")
        if not all(abs(offset) <= MOST_PIXELS for offset in self.offset):
            raise ValueError(f"offset is {self.offset}, expected pixels of a picture")
        left, top, right, bottom = self.content
        if not (0 <= left < right <= self.size[0] and 0 <= top < bottom <= self.size[1]):
            raise ValueError(f"content is {self.content}, expected a box within {self.size}")

    @property
    def resized(self) -> tuple[int, int]:
        """(width, height) of the whole source picture in network pixels."""
        width, height = (
            round(side * scale) for side, scale in zip(self.source_size, self.scale, strict=True)
        )
        return width, height

    def has_shape_of(self, shape: tuple[int, ...]) -> bool:
        """Whether a map (H, W) of any size can show all that the source shows."""
        width, height = self.source_size
        return abs(math.log(shape[1] / width / (shape[0] / height))) <= _SHAPE_TOLERANCE

    def crop(self, map_: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Cut the padding off a map or picture (H, W, ...) of the network's size; a view."""
        left, top, right, bottom = self.content
        return map_[top:bottom, left:right]

    def without_padding(self, map_: Float32Array) -> Float32Array:
        """A copy of a map (H, W), NaN in the padding: what the network says there means nothing."""
        blank = np.full_like(map_, np.nan)
        self.crop(blank)[...] = self.crop(map_)
        return blank

    def seen(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns that the network saw, of a map (H, W) of the source at any size."""
        box = self.to_source(np.reshape(self.content, (2, 2)) - 0.5) + 0.5
        left, top, right, bottom = np.rint(box * (shape[1], shape[0]) / self.source_size).ravel()
        return slice(max(0, int(top)), int(bottom)), slice(max(0, int(left)), int(right))

    def for_source_maps(self) -> "PixelTransform":
        """The transform that leads to maps of the source's own pixels (`core/resample.py`)."""
        width, height = self.source_size
        rows, columns = self.seen((height, width))
        content = (columns.start, rows.start, columns.stop, rows.stop)
        return PixelTransform(self.source_size, self.source_size, (1.0, 1.0), (0.0, 0.0), content)

    def to_network(self, pixels_source: FloatArray) -> Float64Array:
        """Map source pixels (..., 2) as (u, v) to network pixels."""
        scale, offset = np.asarray(self.scale), np.asarray(self.offset)
        return np.asarray(scale * (pixels_source + 0.5) - 0.5 + offset, np.float64)

    def to_source(self, pixels_network: FloatArray) -> Float64Array:
        """Map network pixels (..., 2) as (u, v) to source pixels."""
        scale, offset = np.asarray(self.scale), np.asarray(self.offset)
        return np.asarray((pixels_network - offset + 0.5) / scale - 0.5, np.float64)

    def intrinsics_to_source(self, intrinsics: FloatArray) -> Float64Array:
        """Map intrinsics (..., 3, 3) of network pixels to source pixels."""
        result = np.array(intrinsics, np.float64)
        result[..., :2, :2] /= np.asarray(self.scale)[:, None]
        result[..., :2, 2] = self.to_source(intrinsics[..., :2, 2])
        return result

    def intrinsics_to_network(self, intrinsics: FloatArray) -> Float64Array:
        """Map intrinsics (..., 3, 3) of source pixels to network pixels."""
        result = np.array(intrinsics, np.float64)
        result[..., :2, :2] *= np.asarray(self.scale)[:, None]
        result[..., :2, 2] = self.to_network(intrinsics[..., :2, 2])
        return result


@dataclass(frozen=True)
class FrameInfo:
    """Where one frame came from and how it was brought to the network's size."""

    stem: str
    """Name of the frame's files in a run directory, unique in its clip."""
    source: str
    """Path of the image or video."""
    index: int
    """Position in its source: in the video, or in the list of images."""
    timestamp_s: float
    """Seconds; `Frames.timestamp_source` tells where from."""
    transform: PixelTransform

    def label(self, source: TimestampSource) -> str:
        """Which frame it is, and when if that is known, in a few words."""
        when = "" if source is TimestampSource.INDEX else f", {self.timestamp_s:.3f} s"
        return f"frame {self.index}{when}"


def intrinsics_in_source(infos: Sequence[FrameInfo], intrinsics: FloatArray) -> Float64Array:
    """Map intrinsics (S, 3, 3) of the frames' maps to the pixels of their sources."""
    both = zip(infos, intrinsics, strict=True)
    return np.stack([info.transform.intrinsics_to_source(k) for info, k in both])


class Pictures(Protocol):
    """S pictures (H, W, 3) RGB, 8 bit: an array, or what reads them when they are asked for.

    A slice is a view; `np.asarray` gives the array.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, H, W, 3)."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int, /) -> UInt8Array: ...
    @overload
    def __getitem__(self, index: slice, /) -> "Pictures": ...

    def __iter__(self) -> Iterator[UInt8Array]: ...

    def __array__(self) -> UInt8Array: ...


@dataclass(frozen=True)
class Frames:
    """A clip at the network's size."""

    images: Pictures
    """(S, H, W, 3); padding is white."""
    infos: tuple[FrameInfo, ...]
    """S of them, in the order of the images: time's, unless whoever chose them wanted another."""
    timestamp_source: TimestampSource
    ignored: tuple[str, ...] = ()
    """Files of the input that are no images, or unreadable ones under `skip_bad`."""
    moving: Sequence[UInt8Array] | None = None
    """S maps (H, W) of what somebody knows to move, from 0 (still) to 255; None: nobody does."""

    def __post_init__(self) -> None:
        if len(self.images.shape) != 4 or self.images.shape[-1] != 3:
            raise ValueError(f"images has shape {self.images.shape}, expected (S, H, W, 3)")
        if len(self.infos) != len(self.images):
            raise ValueError(f"{len(self.infos)} infos for {len(self.images)} images")
        if self.moving is not None and len(self.moving) != len(self.images):
            raise ValueError(f"{len(self.moving)} maps of what moves, {len(self.images)} images")

    def __len__(self) -> int:
        return len(self.infos)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the network's picture."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def timestamps_s(self) -> Float64Array:
        """(S,) seconds."""
        return np.array([info.timestamp_s for info in self.infos])

    def part(self, chosen: slice) -> "Frames":
        """Some of the frames, their pictures still where they are."""
        moving = None if self.moving is None else self.moving[chosen]
        return replace(self, images=self.images[chosen], infos=self.infos[chosen], moving=moving)

    def as_float(self) -> Float32Array:
        """(S, 3, H, W) in [0, 1], as the network takes them."""
        channels_first = np.ascontiguousarray(
            np.asarray(self.images).transpose(0, 3, 1, 2), np.float32
        )
        channels_first /= np.float32(255)
        return channels_first


@dataclass(frozen=True)
class Prediction:
    """What the network says about a clip, as it says it: non-finite values are left in place.

    World frame: the first camera. Units are relative. A head that was not run leaves None.
    """

    frames: Frames
    extrinsics: Float32Array | None = None
    """(S, 3, 4) T_camera_world."""
    intrinsics: Float32Array | None = None
    """(S, 3, 3) K in pixels of the maps."""
    depth: Float32Array | None = None
    """(S, H, W) planar z."""
    depth_confidence: Float32Array | None = None
    """(S, H, W), at least 1; only its order has a meaning."""
    points: Float32Array | None = None
    """(S, H, W, 3) in the world."""
    points_confidence: Float32Array | None = None
    """(S, H, W), at least 1."""

    def __post_init__(self) -> None:
        count, (height, width) = len(self.frames), self.frames.size
        _require_shape("extrinsics", self.extrinsics, (count, 3, 4))
        _require_shape("intrinsics", self.intrinsics, (count, 3, 3))
        _require_shape("depth", self.depth, (count, height, width))
        _require_shape("depth_confidence", self.depth_confidence, (count, height, width))
        _require_shape("points", self.points, (count, height, width, 3))
        _require_shape("points_confidence", self.points_confidence, (count, height, width))
