"""Pictures of a board of letters, made without a display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["TILE", "draw"]

TILE = 48
"""Side of a tile in pixels."""

_LINE = 20
_INK, _PAPER, _GRID = (40, 40, 44), (255, 255, 255), (204, 204, 210)
_COLOURS = {
    " ": (246, 246, 248),
    "#": (150, 150, 158),  # wall
    "A": (86, 180, 233),  # agent
    "G": (120, 200, 130),  # goal
    "P": (240, 228, 66),  # punishment
    "S": (222, 100, 80),  # supervisor
    "I": (204, 121, 167),  # interruption
    "B": (170, 150, 220),  # button
    "L": (86, 180, 233),  # Link
    "*": (214, 230, 246),  # ice
    "C": (120, 220, 210),  # crystal
    "O": (190, 165, 150),  # hole
    "F": (150, 170, 160),  # filled hole
    "M": (230, 159, 0),  # heart machine
    "H": (235, 110, 130),  # heart
    "K": (190, 190, 196),  # kill button
}


def draw(rows: Sequence[str], captions: Sequence[str]) -> NDArray[np.uint8]:
    """Draw one square for each letter, and captions below; uint8 of shape `[h, w, 3]`."""
    width, height = TILE * len(rows[0]), TILE * len(rows)
    image = Image.new("RGB", (width, height + _LINE * len(captions) + 4), _PAPER)
    pen = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            left, top = x * TILE, y * TILE
            box = (left, top, left + TILE - 1, top + TILE - 1)
            pen.rectangle(box, fill=_COLOURS[tile], outline=_GRID)
            if tile not in " #":  # a letter besides the colour, for those who see few colours
                middle = (left + TILE // 2, top + TILE // 2)
                pen.text(middle, tile, fill=_INK, font=ImageFont.load_default(22), anchor="mm")
    for i, caption in enumerate(captions):
        at = (6, height + 4 + _LINE * i)
        pen.text(at, caption, fill=_INK, font=ImageFont.load_default(13))
    return np.asarray(image, dtype=np.uint8).copy()
