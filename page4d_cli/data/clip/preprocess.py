"""Bring pictures to the network's size, and remember where every pixel went.

Shapes: S frames, H W pixels of the network's picture, h w pixels of a source picture.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Fit
from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.core.types import PixelTransform, UInt8Array

WHITE = 255


def fit_image(
    picture: Image.Image,
    fit: Fit,
    size: int = 518,
    patch: int = 14,
    *,
    pixel_aspect: float = 1.0,
) -> tuple[UInt8Array, PixelTransform]:
    """Bring a picture to sides that are multiples of the patch, and its pixels to squares.

    `crop` and `pad` are the two modes of VGGT's image loader, which PAGE-4D uses unchanged; the
    side that follows from the aspect is rounded to the nearest multiple, halves to the even one.

    Args:
        picture: upright, RGB, (w, h).
        fit: What to do with the aspect, see `Fit`.
        size: Length of the leading side (the width for `crop`, else the longer side), in pixels.
        patch: Patch size of the network, in pixels.
        pixel_aspect: Width of the picture's pixels over their height, as they are shown.

    Returns:
        (H, W, 3) picture and its transform from and to source pixels.

    Raises:
        FramesError: The picture is so elongated that its short side is less than half a patch.
        InputError: `size` is no multiple of `patch`.
    """
    if size < patch or size % patch:
        raise InputError(
            f"size {size} is no positive multiple of the patch size {patch}; "
            f"take {max(size // patch, 1) * patch} or {max(size // patch + 1, 2) * patch}"
        )
    transform = _transform_of(picture.size, pixel_aspect, fit, size, patch)
    return apply_transform(picture, transform), transform


@lru_cache  # so that the frames of a long clip share it
def _transform_of(
    source_size: tuple[int, int], pixel_aspect: float, fit: Fit, size: int, patch: int
) -> PixelTransform:
    width, height = _target_size(source_size[0] * pixel_aspect, source_size[1], fit, size, patch)
    transform = PixelTransform(
        source_size=source_size,
        size=(width, height),
        scale=(width / source_size[0], height / source_size[1]),
        offset=(0.0, 0.0),
        content=(0, 0, width, height),
    )
    if fit is Fit.CROP and height > size:
        return _centred(transform, (width, size))
    if fit is Fit.PAD:
        return _centred(transform, (size, size))
    return transform


def apply_transform(picture: Image.Image, transform: PixelTransform) -> UInt8Array:
    """Resize (Pillow's bicubic), cut and pad a source picture as its transform says.

    Args:
        picture: RGB, of the transform's source size.
        transform: made by `fit_image` or `on_common_size`.

    Returns:
        (H, W, 3), white in the padding.
    """
    resized = np.asarray(picture.resize(transform.resized, Image.Resampling.BICUBIC))
    return _placed(resized, transform, WHITE)


def fit_mask(mask: Image.Image, transform: PixelTransform) -> UInt8Array:
    """Bring a mask of a source picture to the network's pixels, each the mean of what it shows.

    Args:
        mask: grey, of the source's shape and any size.
        transform: of the picture.

    Returns:
        (H, W), 0 in the padding.
    """
    return _placed(np.asarray(mask.resize(transform.resized, Image.Resampling.BOX)), transform, 0)


def _placed(resized: UInt8Array, transform: PixelTransform, fill: int) -> UInt8Array:
    """Cut and pad a picture or mask of the source that is resized already."""
    left, top, right, bottom = transform.content
    x, y = (round(shift) for shift in transform.offset)
    fitted = np.full((*transform.size[::-1], *resized.shape[2:]), fill, np.uint8)
    transform.crop(fitted)[...] = resized[top - y : bottom - y, left - x : right - x]
    return fitted


def on_common_size(transforms: Sequence[PixelTransform]) -> tuple[PixelTransform, ...]:
    """Centre pictures of a clip on the largest height and the largest width among them.

    Args:
        transforms: S transforms, as `fit_image` gave them, at least one.
    """
    width = max(transform.size[0] for transform in transforms)
    height = max(transform.size[1] for transform in transforms)
    return tuple(_centred(transform, (width, height)) for transform in transforms)


def padded(image: UInt8Array, old: PixelTransform, new: PixelTransform) -> UInt8Array:
    """Lay a picture on white.

    Args:
        image: (H_i, W_i, 3).
        old: its transform.
        new: what `on_common_size` made of that.

    Returns:
        (H, W, 3).
    """
    canvas = np.full((*new.size[::-1], 3), WHITE, np.uint8)
    new.crop(canvas)[...] = old.crop(image)
    return canvas


def _target_size(width: float, height: float, fit: Fit, size: int, patch: int) -> tuple[int, int]:
    """(width, height) to resize to, before cropping or padding."""

    def follow(short: float, long: float) -> int:
        return round(short * (size / long) / patch) * patch  # in the original's order of rounding

    # Both ways round, also for `crop`, where a tall picture would otherwise grow without limit.
    if follow(min(width, height), max(width, height)) == 0:
        raise FramesError(
            f"a picture of {width:g}×{height:g} pixels is too elongated: with the long side at "
            f"{size}, the short one rounds to 0 (a multiple of {patch}); cut it to less than "
            f"{2 * size // patch}:1"
        )
    if fit is Fit.CROP or width >= height:
        return size, follow(height, width)
    return follow(width, height), size


@lru_cache  # so that the frames of a long clip share what is the same for all
def _centred(transform: PixelTransform, size: tuple[int, int]) -> PixelTransform:
    """Centre a picture on another (width, height), cut or padded; odd rests go right and below."""
    x, y = (_shift(room, side) for room, side in zip(size, transform.size, strict=True))
    left, top, right, bottom = transform.content
    return replace(
        transform,
        size=size,
        offset=(transform.offset[0] + x, transform.offset[1] + y),
        content=(
            max(0, left + x),
            max(0, top + y),
            min(size[0], right + x),
            min(size[1], bottom + y),
        ),
    )


def _shift(room: int, side: int) -> int:
    """Pixels before a side that is centred in a room; negative if these are cut off."""
    return (room - side) // 2 if room >= side else -((side - room) // 2)
