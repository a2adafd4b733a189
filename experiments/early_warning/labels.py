"""Labels beside the dots of a scatter plot, placed so that they neither overlap nor hide a dot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from slowturn.experiments.early_warning.canvas import renderer_of

__all__ = ["Spot", "place_labels"]

_RADII = (9.0, 15.0, 23.0, 33.0, 45.0, 60.0, 78.0, 100.0)
_ANGLES = tuple(np.deg2rad(np.arange(0.0, 360.0, 15.0)))
_DOT = 4.0  # half the side of the box around a dot that labels had better not touch, in points


class Spot(NamedTuple):
    """A dot at `(x, y)` in data coordinates with its label; without text it is only avoided."""

    x: float
    y: float
    text: str
    colour: str


def place_labels(
    axes: Axes,
    spots: list[Spot],
    *,
    size: float,
    bars: list[tuple[float, float, float, float]] | None = None,
    keep_clear: list[Bbox] | None = None,
) -> list[Annotation]:
    """Write the label of every spot where it collides least, with a thin line to its dot.

    Greedy, from the most crowded spot to the least: each takes the cheapest of a fixed ring of
    places, so equal figures come out equal. The layout of the figure must be final.

    Args:
        axes: Where to write, in a figure with an Agg canvas.
        spots: Dots.
        size: Font size, in points.
        bars: Lines (x0, y0, x1, y1) in data coordinates that labels had better not cross.
        keep_clear: Boxes in display coordinates that are taken.

    Returns:
        The labels, in the order of the spots that have one.
    """
    scale = axes.figure.dpi / 72.0
    renderer = renderer_of(axes)
    frame = axes.get_window_extent(renderer)
    dots = np.array([axes.transData.transform((spot.x, spot.y)) for spot in spots]).reshape(-1, 2)
    marks = [_around(x, y, _DOT * scale) for x, y in dots]
    marks += [_stroke(axes, bar) for bar in bars or []]
    taken = list(keep_clear or [])
    crowd = [float((1.0 / np.hypot(*(dots - dot).T).clip(1.0)).sum()) for dot in dots]
    labels: dict[int, Annotation] = {}
    for i in sorted(range(len(spots)), key=lambda i: (-crowd[i], i)):
        if not spots[i].text:
            continue
        label = _write(axes, spots[i], size)
        extent = Text.get_window_extent(label, renderer)  # of the text alone, without the line
        costs = [
            (radius / (40.0 * scale) + _cost(box, frame, taken, marks), n, box)
            for n, (radius, box) in enumerate(
                _places(dots[i, 0], dots[i, 1], extent.width, extent.height, scale)
            )
        ]
        box = min(costs, key=lambda cost: cost[:2])[2]
        taken.append(box)
        middle = (box.y0 + box.y1) / 2
        label.set_position(((box.x0 - dots[i, 0]) / scale, (middle - dots[i, 1]) / scale))
        labels[i] = label
    return [labels[i] for i in sorted(labels)]


def _write(axes: Axes, spot: Spot, size: float) -> Annotation:
    line = {"arrowstyle": "-", "color": spot.colour, "lw": 0.6, "shrinkA": 0.0, "shrinkB": 2.5}
    return axes.annotate(
        spot.text,
        (spot.x, spot.y),
        xytext=(0.0, 0.0),
        textcoords="offset points",
        fontsize=size,
        color=spot.colour,
        ha="left",
        va="center",
        zorder=6,
        arrowprops=line,
    )


def _places(
    x: float, y: float, width: float, height: float, scale: float
) -> Iterator[tuple[float, Bbox]]:
    """Boxes around a dot: to its right, above, to its left and below, ever farther away."""
    for radius in _RADII:
        for angle in _ANGLES:
            across = np.cos(angle)
            left = x + radius * scale * across
            left -= width / 2 if abs(across) < 0.3 else width if across < 0 else 0.0
            bottom = y + radius * scale * np.sin(angle) - height / 2
            yield radius * scale, Bbox.from_bounds(left, bottom, width, height)


def _around(x: float, y: float, half: float) -> Bbox:
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def _stroke(axes: Axes, bar: tuple[float, float, float, float]) -> Bbox:
    """A line as a thin box in display coordinates."""
    (left, low), (right, high) = (axes.transData.transform(end) for end in (bar[:2], bar[2:]))
    return Bbox.from_extents(left - 1, low - 1, right + 1, high + 1)


def _shared(a: Bbox, b: Bbox) -> float:
    """Share of `a` that lies in `b`."""
    both = Bbox.intersection(a, b)
    return 0.0 if both is None else float(both.width * both.height / (a.width * a.height))


def _cost(box: Bbox, frame: Bbox, taken: list[Bbox], marks: list[Bbox]) -> float:
    outside = 1.0 - _shared(box, frame)
    labels = [_shared(box, other) for other in taken]
    return (
        (1.0 + outside) * 100.0 * (outside > 0)
        + sum((1.0 + share) * 50.0 * (share > 0) for share in labels)
        + sum(3.0 * (_shared(box, mark) > 0) for mark in marks)
    )
