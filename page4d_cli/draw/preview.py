"""The preview: colour picture and maps side by side, with what their colours stand for.

Which colours is said in `colormaps.py`, how values are spread over them in `color_scale.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import UInt8Array
from page4d_cli.draw.color_scale import ColorScale

PANE_SIDE = 320
"""Pixels of a pane: at least its width, and of its picture the longer side."""
_BACKGROUND = (24, 24, 24)
_TEXT = (235, 235, 235)


@dataclass(frozen=True)
class MapPane:
    """One map a frame, right of the colour picture."""

    scale: ColorScale
    maps: Iterable[FloatArray]
    """(H, W) each, of the colour picture's size; taken one at a time."""


def preview_frames(
    images: Iterable[UInt8Array], panes: Sequence[MapPane], labels: Sequence[str]
) -> Iterator[UInt8Array]:
    """Compose the frames of a preview, one at a time.

    Small pictures are enlarged a whole number of times: colour smoothly, maps pixel by pixel, so
    that nothing is shown that the network did not say. A footer holds the label below the colour
    picture, and below each map its colour bar, name and ends.

    Args:
        images: (H, W, 3) each, all of one size.
        panes: what stands right of them, from left to right.
        labels: one line of text a frame; what is not ASCII shows as "?", what is too long is cut.

    Raises:
        ValueError: sizes or counts that do not fit together.
    """
    size: tuple[int, ...] = ()
    maps_of_frames = zip(*(pane.maps for pane in panes), strict=True)
    for image, maps, label in zip(images, maps_of_frames, labels, strict=True):
        if not size:
            size = image.shape[:2]
            layout = _Layout(*size)
            footer = _Footer(layout, [pane.scale for pane in panes])
        wrong = {map_.shape for map_ in maps} - {size}
        if wrong or image.shape != (*size, 3):
            raise ValueError(f"image {image.shape}, maps {wrong or size} in a clip of {size}")
        painted = (
            layout.painted(pane.scale.paint(map_)) for pane, map_ in zip(panes, maps, strict=True)
        )
        pictures = np.concatenate([layout.color(image), *painted], axis=1)
        yield np.concatenate([pictures, footer.labelled(label)])


def color_picture(frame: UInt8Array, height: int, width: int) -> UInt8Array:
    """Take the colour picture out of a decoded frame of a preview, at the size that it had.

    Args:
        frame: (H, W, 3) of the video.
        height: of the picture that was given to `preview_frames`.
        width: of it.

    Returns:
        (height, width, 3), with the losses of the video's compression.

    Raises:
        ValueError: the frame is too small to be one of a preview of such pictures.
    """
    layout = _Layout(height, width)
    top, left = 0, layout.margin
    picture = frame[top : layout.height, left : left + layout.width]
    if picture.shape != (layout.height, layout.width, 3):
        raise ValueError(f"a frame {frame.shape} holds no picture of {width}×{height}, enlarged")
    shrunk = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    return np.asarray(shrunk)


class _Layout:
    """Places of a frame: panes from left to right, each with its picture in the middle."""

    def __init__(self, map_height: int, map_width: int) -> None:
        self.factor = max(1, ceil(PANE_SIDE / max(map_height, map_width)))
        self.height = map_height * self.factor
        self.width = map_width * self.factor
        self.pane_width = max(self.width + self.width % 2, PANE_SIDE)
        self.margin = (self.pane_width - self.width) // 2
        self.footer_height = max(28, self.pane_width // 18) // 2 * 2

    def color(self, image: UInt8Array) -> UInt8Array:
        picture = Image.fromarray(image)
        enlarged = picture.resize((self.width, self.height), Image.Resampling.BICUBIC)
        return self._in_pane(np.asarray(enlarged))

    def painted(self, colors: UInt8Array) -> UInt8Array:
        return self._in_pane(colors.repeat(self.factor, axis=0).repeat(self.factor, axis=1))

    def _in_pane(self, picture: UInt8Array) -> UInt8Array:
        pane = np.full((self.height, self.pane_width, 3), _BACKGROUND, np.uint8)
        pane[:, self.margin : self.margin + self.width] = picture
        return pane


class _Footer:
    """A strip below the panes, with the colour bars below theirs."""

    def __init__(self, layout: _Layout, scales: Sequence[ColorScale]) -> None:
        self._height, self._pane_width = layout.footer_height, layout.pane_width
        self._margin = self._height // 3
        self._font = ImageFont.load_default(self._height * 0.55)
        size = ((1 + len(scales)) * self._pane_width, self._height)
        self._strip = Image.new("RGB", size, _BACKGROUND)
        for index, scale in enumerate(scales, start=1):
            self._draw_bar(index * self._pane_width, scale)

    def labelled(self, label: str) -> UInt8Array:
        """The strip with a line of text at its left."""
        strip = self._strip.copy()
        draw = ImageDraw.Draw(strip)
        room = self._pane_width - 2 * self._margin
        ascii_only = label.encode("ascii", "replace").decode()  # the built-in font has no more
        text = " ".join(ascii_only.split())
        while text and draw.textlength(text, self._font) > room:
            text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else ""
        draw.text((self._margin, self._height / 2), text, _TEXT, self._font, anchor="lm")
        return np.asarray(strip)

    def _draw_bar(self, pane_left: int, scale: ColorScale) -> None:
        """Name, left end, bar, right end."""
        draw, margin = ImageDraw.Draw(self._strip), self._margin
        left, right = pane_left + margin, pane_left + self._pane_width - margin
        for text in (scale.name, f"{scale.left:.3g}"):
            draw.text((left, self._height / 2), text, _TEXT, self._font, anchor="lm")
            left += round(draw.textlength(text, self._font)) + margin
        end = f"{scale.right:.3g}"
        draw.text((right, self._height / 2), end, _TEXT, self._font, anchor="rm")
        right -= round(draw.textlength(end, self._font)) + margin
        bar = scale.bar(max(2, right - left), self._height // 2)
        self._strip.paste(Image.fromarray(bar), (left, self._height // 4))
