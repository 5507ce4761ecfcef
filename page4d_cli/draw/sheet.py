"""Many small pictures on one page, with their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from page4d_cli.core.types import UInt8Array

PICTURES_A_ROW = 8
CELL_WIDTH = 148
_MIN_PICTURES_A_ROW = 4
"""So that the head of the page has room."""
_GAP, _SEAM, _LABEL, _TITLE = 8, 2, 18, 30
_BACKGROUND, _TEXT, _FAINT = (24, 24, 24), (235, 235, 235), (170, 170, 170)


@dataclass(frozen=True)
class Cell:
    """One or more pictures (H, W, 3) of the cell's size, side by side, over one label."""

    label: str
    pictures: Sequence[UInt8Array]


@dataclass(frozen=True)
class Section:
    """Cells of equal numbers of pictures, under a title."""

    title: str
    cells: Sequence[Cell]


def cell_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a picture on a sheet, for frames of (height, width)."""
    height, width = image_size
    return CELL_WIDTH, max(1, round(CELL_WIDTH * height / width))


def draw_sheet(image: UInt8Array, lines: Sequence[str], sections: Sequence[Section]) -> UInt8Array:
    """Draw a page.

    Args:
        image: (H, W, 3), the frame, for the head of the page.
        lines: text beside it; what is not ASCII shows as "?".
        sections: with pictures of `cell_size`.

    Returns:
        (height, width, 3).
    """
    size = cell_size((image.shape[0], image.shape[1]))
    columns = [_columns(section) for section in sections]
    across = max(_row_width(section, n, size) for section, n in zip(sections, columns, strict=True))
    least = _MIN_PICTURES_A_ROW * (size[0] + _GAP)
    parts = [_head(image, lines, size, max(across, least) + _GAP)]
    for section, number in zip(sections, columns, strict=True):
        parts.append(_draw_section(section, number, size, parts[0].shape[1]))
    return np.concatenate(parts)


def _columns(section: Section) -> int:
    pictures = len(section.cells[0].pictures)
    return min(len(section.cells), PICTURES_A_ROW // pictures)


def _row_width(section: Section, columns: int, size: tuple[int, int]) -> int:
    return columns * _cell_width(len(section.cells[0].pictures), size)


def _cell_width(pictures: int, size: tuple[int, int]) -> int:
    """Width with all gaps."""
    return pictures * (size[0] + _SEAM) - _SEAM + _GAP


def _head(image: UInt8Array, lines: Sequence[str], size: tuple[int, int], width: int) -> UInt8Array:
    picture = Image.fromarray(image).resize((2 * size[0], 2 * size[1]), Image.Resampling.BICUBIC)
    page = Image.new("RGB", (width, max(picture.height, _TITLE * len(lines)) + _GAP), _BACKGROUND)
    page.paste(picture, (_GAP, _GAP))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for row, line in enumerate(lines):
        place = (picture.width + 3 * _GAP, _GAP + row * _TITLE * 0.8)
        draw.text(place, _ascii(line), _TEXT if row == 0 else _FAINT, font)
    return np.asarray(page)


def _draw_section(section: Section, columns: int, size: tuple[int, int], width: int) -> UInt8Array:
    rows = ceil(len(section.cells) / columns)
    row_height = size[1] + _LABEL + _GAP
    page = Image.new("RGB", (width, _TITLE + rows * row_height), _BACKGROUND)
    draw = ImageDraw.Draw(page)
    title, small = ImageFont.load_default(16), ImageFont.load_default(12)
    draw.text((_GAP, _TITLE / 2), _ascii(section.title), _TEXT, title, anchor="lm")
    for position, cell in enumerate(section.cells):
        left = _GAP + position % columns * _cell_width(len(cell.pictures), size)
        top = _TITLE + position // columns * row_height
        for offset, picture in enumerate(cell.pictures):
            page.paste(Image.fromarray(picture), (left + offset * (size[0] + _SEAM), top))
        draw.text((left, top + size[1] + 2), _ascii(cell.label), _FAINT, small)
    return np.asarray(page)


def _ascii(text: str) -> str:
    """The built-in font has no more."""
    return text.encode("ascii", "replace").decode()
