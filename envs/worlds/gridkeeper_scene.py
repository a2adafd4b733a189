"""Pictures of a Gridkeeper map, made without a display."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from slowturn.envs.worlds.gridkeeper_layout import RADIUS, Layout

__all__ = ["draw_map", "write_map"]

_SIZE = 400
_WALL, _FLOOR, _SEEN = (88, 88, 96), (246, 246, 248), (255, 248, 220)
_STORE, _DOCK, _DOOR = (214, 230, 246), (204, 232, 207), (150, 111, 51)
_FREE, _TAKEN, _AGENT = (200, 200, 206), (176, 48, 96), (1, 115, 178)


def draw_map(
    layout: Layout, cell: int, levels: NDArray[np.float64], *, carrying: bool
) -> NDArray[np.uint8]:
    """Draw the map as an RGB image, uint8 of shape `[400, 400, 3]`.

    Nodes fill up with the agent's control, doors vanish when they open, and what the agent sees
    is lighter.
    """
    height, width = len(layout.rows), len(layout.rows[0])
    side = min(_SIZE // height, _SIZE // width)
    left, top = (_SIZE - side * width) // 2, (_SIZE - side * height) // 2
    image = Image.new("RGB", (_SIZE, _SIZE), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(8, side // 2))
    row, column = (int(x) for x in layout.places[cell])
    for r, line in enumerate(layout.rows):
        for c, symbol in enumerate(line):
            box = (left + c * side, top + r * side, left + (c + 1) * side, top + (r + 1) * side)
            middle = (box[0] + side / 2, box[1] + side / 2)
            seen = abs(r - row) <= RADIUS and abs(c - column) <= RADIUS
            ground = {"#": _WALL, "S": _STORE, "T": _DOCK}.get(symbol, _SEEN if seen else _FLOOR)
            pen.rectangle(box, fill=ground, outline=(228, 228, 232))
            if symbol.isdigit():
                level = float(levels[int(symbol) - 1])
                pen.rectangle(box, fill=_FREE)
                pen.rectangle((box[0], box[3] - side * level, box[2], box[3]), fill=_TAKEN)
            elif symbol.islower() and levels[ord(symbol) - ord("a")] < 1.0 - 1e-9:
                pen.rectangle((box[0] + side // 3, box[1], box[2] - side // 3, box[3]), fill=_DOOR)
            if symbol in "ST" or symbol.isdigit():
                label = {"S": "crates", "T": "dock"}.get(symbol, symbol)
                small = ImageFont.load_default(max(8, side // 4)) if symbol in "ST" else font
                pen.text(middle, label, fill=(40, 40, 44), font=small, anchor="mm")
    x, y = left + column * side, top + row * side
    inset = side // 5
    pen.ellipse((x + inset, y + inset, x + side - inset, y + side - inset), fill=_AGENT)
    if carrying:
        hold = side // 3
        pen.rectangle((x + hold, y + hold, x + side - hold, y + side - hold), fill=(222, 143, 5))
    return np.asarray(image, dtype=np.uint8).copy()


def write_map(layout: Layout, cell: int, levels: NDArray[np.float64]) -> str:
    """The map as text: `@` is the agent, open doors are floor, controlled nodes are `*`."""
    lines = []
    for r, row in enumerate(layout.rows):
        line = ""
        for c, symbol in enumerate(row):
            shown = symbol
            if tuple(layout.places[cell]) == (r, c):
                shown = "@"
            elif symbol.isdigit() and levels[int(symbol) - 1] >= 1.0 - 1e-9:
                shown = "*"
            elif symbol.islower() and levels[ord(symbol) - ord("a")] >= 1.0 - 1e-9:
                shown = "."
            line += shown
        lines.append(line)
    return "\n".join(lines)
