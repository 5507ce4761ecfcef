"""Bring pictures to the network's size, and remember where every pixel went.

Shapes: S frames, H W pixels of the network's picture, h w pixels of a source picture.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Fit
from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.core.types import PixelTransform, UInt8Array

WHITE = 255


def fit_image(
    rgb: UInt8Array, fit: Fit, size: int = 518, patch: int = 14
) -> tuple[UInt8Array, PixelTransform]:
    """Resize a picture (Pillow's bicubic) to sides that are multiples of the patch.

    `crop` and `pad` are the two modes of VGGT's image loader, which PAGE-4D uses unchanged; the
    side that follows from the aspect is rounded to the nearest multiple, halves to the even one.

    Args:
        rgb: (h, w, 3) upright picture.
        fit: What to do with the aspect, see `Fit`.
        size: Length of the leading side (the width for `crop`, else the longer side), in pixels.
        patch: Patch size of the network, in pixels.

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
    height, width = rgb.shape[:2]
    new_width, new_height = _target_size(width, height, fit, size, patch)
    resized = np.asarray(
        Image.fromarray(rgb).resize((new_width, new_height), Image.Resampling.BICUBIC)
    )
    transform = PixelTransform(
        source_size=(width, height),
        size=(new_width, new_height),
        scale=(new_width / width, new_height / height),
        offset=(0.0, 0.0),
        content=(0, 0, new_width, new_height),
    )
    if fit is Fit.CROP:
        return _crop_rows(resized, transform, size)
    if fit is Fit.PAD:
        return _pad(resized, transform, (size, size))
    return resized, transform


def pad_to_common(
    images: Sequence[UInt8Array], transforms: Sequence[PixelTransform]
) -> tuple[UInt8Array, tuple[PixelTransform, ...]]:
    """Stack pictures, each centred on white of the largest height and the largest width.

    Args:
        images: S pictures (H_i, W_i, 3), at least one.
        transforms: S transforms, as `fit_image` gave them.

    Returns:
        (S, H, W, 3) pictures and their S transforms.
    """
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    padded = np.empty((len(images), height, width, 3), np.uint8)
    moved = []
    for slot, image, transform in zip(padded, images, transforms, strict=True):
        slot[...], placed = _pad(image, transform, (width, height))
        moved.append(placed)
    return padded, tuple(moved)


def _target_size(width: int, height: int, fit: Fit, size: int, patch: int) -> tuple[int, int]:
    """(width, height) to resize to, before cropping or padding."""

    def follow(short: int, long: int) -> int:
        return round(short * (size / long) / patch) * patch  # in the original's order of rounding

    # Both ways round, also for `crop`, where a tall picture would otherwise grow without limit.
    if follow(min(width, height), max(width, height)) == 0:
        raise FramesError(
            f"a picture of {width}×{height} pixels is too elongated: with the long side at {size}, "
            f"the short one rounds to 0 (a multiple of {patch}); cut it to less than "
            f"{2 * size // patch}:1"
        )
    if fit is Fit.CROP or width >= height:
        return size, follow(height, width)
    return follow(width, height), size


def _crop_rows(
    image: UInt8Array, transform: PixelTransform, rows: int
) -> tuple[UInt8Array, PixelTransform]:
    """Keep the middle rows of a picture that has more than `rows`."""
    height, width = image.shape[:2]
    if height <= rows:
        return image, transform
    top = (height - rows) // 2
    return image[top : top + rows], replace(
        transform, size=(width, rows), offset=(0.0, float(-top)), content=(0, 0, width, rows)
    )


def _pad(
    image: UInt8Array, transform: PixelTransform, size: tuple[int, int]
) -> tuple[UInt8Array, PixelTransform]:
    """Centre a picture on white of (width, height) pixels; an odd rest goes right and below."""
    height, width = image.shape[:2]
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    if size == (width, height):
        return image, transform
    padded = np.full((size[1], size[0], 3), WHITE, np.uint8)
    padded[top : top + height, left : left + width] = image
    x0, y0, x1, y1 = transform.content
    return padded, replace(
        transform,
        size=size,
        offset=(transform.offset[0] + left, transform.offset[1] + top),
        content=(x0 + left, y0 + top, x1 + left, y1 + top),
    )
