"""Bring training frames to the size of their batch, intrinsics and depth with them.

Cutting and resizing are one affine map an axis, a `PixelTransform`. It carries the tracks too:
`transform.to_network(pixels)`. Depth is planar, so its values stay.

Shapes: h w pixels of the source, H W pixels of the batch. Sizes are (width, height).
"""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float32Array, Float64Array, PixelTransform, UInt8Array

_OFF_CENTRE = 0.25  # least share of a side that lies on either side of the principal point


class Fitting(str, Enum):
    """What happens to the aspect of a picture."""

    COVER = "cover"
    """One scale for both axes; what does not fit is cut off, as much left as right of the principal
    point and as much above as below, which so comes to lie at (W/2, H/2), where the pose encoding
    has it."""
    STRETCH = "stretch"
    """The original's way: a scale for each axis, the principal point wherever the cuts leave it,
    and scaled without the half pixel that lies between corner and centre of the first pixel."""


@dataclass(frozen=True)
class CropOptions:
    """How frames are brought to the batch's size."""

    fitting: Fitting = Fitting.COVER
    crop_scales: tuple[float, float] = (0.8, 1.2)
    """Share of the picture that a random crop keeps, drawn evenly and then capped at 1, so that
    only the part of the range below 1 crops. `STRETCH` draws one for each axis."""
    stretch_margin: int = 4
    """Pixels by which `STRETCH` resizes too large, to be cut off; the original's for training."""

    def __post_init__(self) -> None:
        low, high = self.crop_scales
        if not 0 < low <= high < math.inf:
            raise InputError(f"crop_scales {low:g} to {high:g}: give numbers above 0, least first")
        if self.stretch_margin < 0:
            raise InputError(f"stretch_margin {self.stretch_margin}: give 0 or more pixels")


@dataclass(frozen=True)
class LabelledFrame:
    """One frame with what is known about it."""

    image: UInt8Array
    """(h, w, 3) RGB."""
    depth: Float32Array
    """(h, w) planar depth, 0 where unknown."""
    intrinsics: Float64Array
    """(3, 3) K in pixels of the image."""
    sparse_depth: bool = False
    """Depth is known at scattered pixels (LiDAR, structure from motion): none may get lost."""

    def __post_init__(self) -> None:
        shapes = (self.image.shape, self.depth.shape, self.intrinsics.shape)
        if shapes != ((*self.depth.shape, 3), self.image.shape[:2], (3, 3)):
            raise ValueError(f"image, depth, intrinsics have shapes {shapes}: (h, w, 3), (h, w), K")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.depth.shape[1], self.depth.shape[0]


def target_height(aspect: float, width: int = 518, patch: int = 14) -> int:
    """Height of a batch's pictures: width · aspect, down to a multiple of the patch.

    Args:
        aspect: height over width.
        width: in pixels.
        patch: patch size of the network in pixels.

    Raises:
        InputError: not even one patch fits.
    """
    height = math.floor(width * aspect + 1e-6) // patch * patch
    if height < patch:
        raise InputError(
            f"aspect {aspect:g} of width {width} is lower than a patch of {patch} pixels; "
            f"take {patch / width:.3f} or more"
        )
    return height


def fit_frame(
    view: LabelledFrame,
    size: tuple[int, int],
    options: CropOptions,
    rng: np.random.Generator | None = None,
) -> tuple[LabelledFrame, PixelTransform]:
    """Crop and resize a frame.

    Args:
        view: the frame.
        size: (W, H) wanted.
        options: how.
        rng: draws the random crop; without it there is none. One generator for all frames of a clip
            crops each differently, as the original does.

    Returns:
        The frame at its new size, and the way of its pixels.

    Raises:
        InputError: the principal point is far from the picture's middle, see `cover_transform`.
    """
    if options.fitting is Fitting.STRETCH:
        crop = (_draw_crop(rng, options), _draw_crop(rng, options))
        margin = options.stretch_margin
        transform = stretch_transform(view.size, view.intrinsics, size, crop=crop, margin=margin)
    else:
        zoom = 1 / _draw_crop(rng, options)
        transform = cover_transform(view.size, view.intrinsics, size, zoom=zoom)
    half_pixel = options.fitting is not Fitting.STRETCH
    resample_depth = splat_depth if view.sparse_depth else nearest_depth
    fitted = LabelledFrame(
        resample_image(view.image, transform),
        resample_depth(view.depth, transform),
        intrinsics_to_network(view.intrinsics, transform, half_pixel=half_pixel),
        view.sparse_depth,
    )
    return fitted, transform


def cover_transform(
    source_size: tuple[int, int],
    intrinsics: Float64Array,
    size: tuple[int, int],
    *,
    zoom: float = 1.0,
) -> PixelTransform:
    """The largest crop of the target's aspect whose principal point is at (W/2, H/2).

    Args:
        source_size: (w, h).
        intrinsics: (3, 3) K in source pixels.
        size: (W, H).
        zoom: 1 or more; above 1 less of the picture is kept.

    Raises:
        InputError: the principal point is not in the middle half of the picture, which happens when
            the intrinsics belong to another resolution.
    """
    # All lengths from corners of pixels: the centre of pixel 0 is at ½.
    source, target = np.array(source_size, np.float64), np.array(size, np.float64)
    before = intrinsics[:2, 2] + 0.5
    after = source - before
    if not (np.minimum(before, after) >= _OFF_CENTRE * source).all():
        u, v = intrinsics[:2, 2]
        raise InputError(
            f"principal point ({u:g}, {v:g}) is not in the middle half of a picture of "
            f"{source_size[0]}×{source_size[1]} pixels; check that the intrinsics are in its pixels"
        )
    anchor = target / 2 + 0.5
    scale = zoom * max((anchor / before).max(), ((target - anchor) / after).max())
    return _transform(source_size, size, np.full(2, scale), anchor - scale * before)


def stretch_transform(
    source_size: tuple[int, int],
    intrinsics: Float64Array,
    size: tuple[int, int],
    *,
    crop: tuple[float, float] = (1.0, 1.0),
    margin: int = 0,
) -> PixelTransform:
    """The original's crop, resize without regard to the aspect, and crop to the exact size.

    Args:
        source_size: (w, h).
        intrinsics: (3, 3) K in source pixels.
        size: (W, H).
        crop: share of width and height that the first crop keeps, at most 1.
        margin: pixels by which the resized picture is larger than `size`.
    """
    principal = intrinsics[:2, 2]
    kept = (max(int(source_size[0] * crop[0]), 1), max(int(source_size[1] * crop[1]), 1))
    left, top, right, bottom = crop_box(source_size, principal, kept)
    resized = (size[0] + margin, size[1] + margin)
    scale = np.array(resized) / (right - left, bottom - top)
    corner = scale * (left, top)
    second = crop_box(resized, scale * principal - corner, size)
    return _transform(source_size, size, scale, -corner - second[:2])


def crop_box(
    source_size: tuple[int, int], principal_point: Float64Array, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The original's crop around the principal point: whole pixels, moved to stay inside.

    Args:
        source_size: (w, h).
        principal_point: (u, v).
        size: (width, height) of the crop, at most the source's.

    Returns:
        (left, top, right, bottom), half open.
    """
    begin = [
        min(max(int(centre - wanted // 2), 0), length - wanted)
        for length, centre, wanted in zip(source_size, principal_point, size, strict=True)
    ]
    return begin[0], begin[1], begin[0] + size[0], begin[1] + size[1]


def intrinsics_to_network(
    intrinsics: Float64Array, transform: PixelTransform, *, half_pixel: bool = True
) -> Float64Array:
    """Map intrinsics (3, 3) of source pixels to network pixels.

    Args:
        intrinsics: K in source pixels.
        transform: the way of the pixels.
        half_pixel: False scales the principal point as if whole numbers were corners of pixels, as
            the original does; it is then off by (1 - scale) / 2 pixels.
    """
    result = np.array(intrinsics, np.float64)
    scale = np.asarray(transform.scale)
    result[:2] *= scale[:, None]
    if half_pixel:
        result[:2, 2] = transform.to_network(intrinsics[:2, 2])
    else:
        result[:2, 2] += transform.offset
    return result


def resample_image(image: UInt8Array, transform: PixelTransform) -> UInt8Array:
    """Resample a picture (h, w, 3) with an antialiasing filter (Pillow's Lanczos, 3 lobes)."""
    source = np.array(transform.source_size)
    corners = np.array([(0, 0), transform.size])
    box = ((corners - transform.offset) / transform.scale).clip(0, source)
    left, top, right, bottom = box.flatten().tolist()
    resized = Image.fromarray(image).resize(
        transform.size, Image.Resampling.LANCZOS, box=(left, top, right, bottom)
    )
    return np.asarray(resized)


def nearest_depth(depth: Float32Array, transform: PixelTransform) -> Float32Array:
    """Take for each pixel the depth (h, w) of the source pixel that lies nearest."""
    width, height = transform.size
    diagonal = np.arange(max(width, height), dtype=np.float64)
    source = np.floor(transform.to_source(np.stack([diagonal, diagonal], axis=-1)) + 0.5)
    columns, rows = source.clip(0, np.array(transform.source_size) - 1).astype(np.intp).T
    return np.asarray(depth[rows[:height, None], columns[:width]], np.float32)


def splat_depth(depth: Float32Array, transform: PixelTransform) -> Float32Array:
    """Carry each known depth (h, w) to its pixel; where several meet, the smallest stays.

    Pixels that none reaches are 0. For scattered depth, most of which `nearest_depth` would miss.
    """
    width, height = transform.size
    rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
    moved = transform.to_network(np.stack([columns, rows], axis=-1).astype(np.float64))
    u, v = np.floor(moved + 0.5).astype(np.intp).T
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    result = np.full((height, width), np.inf, np.float32)
    np.minimum.at(result, (v[inside], u[inside]), depth[rows[inside], columns[inside]])
    result[np.isinf(result)] = 0
    return result


def _draw_crop(rng: np.random.Generator | None, options: CropOptions) -> float:
    """Share of the picture that is kept."""
    return 1.0 if rng is None else min(float(rng.uniform(*options.crop_scales)), 1.0)


def _transform(
    source_size: tuple[int, int], size: tuple[int, int], scale: Float64Array, offset: Float64Array
) -> PixelTransform:
    (sx, sy), (x, y) = scale.tolist(), offset.tolist()
    return PixelTransform(source_size, size, (sx, sy), (x, y), (0, 0, *size))
