"""The preview video: the colour picture left, its depth right, on one scale for the whole clip."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import UInt8Array
from page4d_cli.io.colour import colourise
from page4d_cli.io.video import write_video

_MIN_WIDTH_WITH_TEXT = 200
_BACKGROUND = (24, 24, 24)
_TEXT = (235, 235, 235)
_NEAREST_SHARE = 1e-3  # the near end of the scale is at least this share of the far end


def write_preview(
    path: Path,
    images: Iterable[UInt8Array],
    depths: Iterable[FloatArray],
    *,
    depth_range: tuple[float, float],
    labels: Sequence[str],
    frame_rate: float,
) -> None:
    """Write an H.264 mp4 (yuv420p, faststart) that browsers and editors play.

    Depth is coloured by its inverse, near being bright; what is not finite or not positive is grey.
    A footer holds the label and the colour bar, unless the pictures are too small for text. Frames
    are taken from the iterables one at a time.

    Args:
        path: the file, replaced if it is there; it should end in .mp4.
        images: (H, W, 3) each, all of one size.
        depths: (H, W) each.
        depth_range: (near, far) ends of the colour scale, in units of the depth.
        labels: one line of text a frame; what is not ASCII shows as "?", what is too long is cut.
        frame_rate: frames a second.

    Raises:
        ValueError: no frames, sizes or counts that do not fit together, near not below far, or a
            frame rate that is not positive.
        WriteError: the file cannot be written.
    """
    scale = _inverse_scale(depth_range)
    triples = zip(images, depths, labels, strict=True)
    frames = _compose(triples, scale)
    write_video(path, frames, frame_rate)


def _inverse_scale(depth_range: tuple[float, float]) -> tuple[float, float]:
    """(1 / far, 1 / near), both positive whatever the range of a poor prediction is."""
    near, far = depth_range
    if not near < far:
        raise ValueError(f"depth_range is {depth_range}, expected near < far")
    far = max(far, 1e-12)
    return 1 / far, 1 / max(near, far * _NEAREST_SHARE)


def _compose(
    triples: Iterable[tuple[UInt8Array, FloatArray, str]], scale: tuple[float, float]
) -> Iterator[UInt8Array]:
    footer: Image.Image | None = None
    size: tuple[int, ...] = ()
    for image, depth, label in triples:
        if not size:
            size = depth.shape
            footer = _footer(size[1], scale) if size[1] >= _MIN_WIDTH_WITH_TEXT else None
        if depth.shape != size or image.shape != (*size, 3):
            raise ValueError(f"image {image.shape} and depth {depth.shape} in a clip of {size}")
        valid = np.where((depth > 0) & np.isfinite(depth), depth, np.nan)
        panes = np.concatenate([image, colourise(1 / valid, *scale)], axis=1)
        if footer is not None:
            panes = np.concatenate([panes, _with_label(footer, label)])
        yield panes


def _font(footer_height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(footer_height * 0.55)


def _footer(pane_width: int, scale: tuple[float, float]) -> Image.Image:
    """A strip below both panes, with the colour bar under the right one."""
    height = max(22, pane_width // 18) // 2 * 2
    margin = height // 3
    footer = Image.new("RGB", (2 * pane_width, height), _BACKGROUND)
    draw, font = ImageDraw.Draw(footer), _font(height)
    far, near = (1 / end for end in scale)

    draw.text((pane_width + margin, height / 2), f"{near:.3g}", _TEXT, font, anchor="lm")
    left = pane_width + 2 * margin + draw.textlength(f"{near:.3g}", font)
    end = f"{far:.3g}  depth, relative"
    draw.text((2 * pane_width - margin, height / 2), end, _TEXT, font, anchor="rm")
    right = 2 * pane_width - 2 * margin - draw.textlength(end, font)

    ramp = np.linspace(scale[1], scale[0], max(2, int(right - left)))
    bar = np.repeat(colourise(ramp[None], *scale), height // 2, axis=0)
    footer.paste(Image.fromarray(bar), (int(left), height // 4))
    return footer


def _with_label(footer: Image.Image, label: str) -> UInt8Array:
    strip = footer.copy()
    draw, font = ImageDraw.Draw(strip), _font(strip.height)
    margin = strip.height // 3
    room = strip.width / 2 - 2 * margin
    ascii_only = label.encode("ascii", "replace").decode()  # the built-in font has no more
    text = " ".join(ascii_only.split())
    while text and draw.textlength(text, font) > room:
        text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else ""
    draw.text((margin, strip.height / 2), text, _TEXT, font, anchor="lm")
    return np.asarray(strip)
