"""Labels beside the dots of a scatter plot, placed so that they neither overlap nor hide a dot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from slowturn.experiments.early_warning.figures.canvas import renderer_of

__all__ = ["Spot", "place_labels"]

_RADII = np.array([9.0, 15.0, 23.0, 33.0, 45.0, 60.0, 78.0, 100.0])
_ANGLES = np.deg2rad(np.arange(0.0, 360.0, 15.0))
_DOT = 4.0  # half the side of the box around a dot that labels had better not touch, in points


Boxes = NDArray[np.float64]
"""Boxes in display coordinates, `[box, (left, bottom, right, top)]`."""


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
    frame: Boxes = np.reshape(axes.get_window_extent(renderer).extents, (1, 4))
    dots = np.array([axes.transData.transform((spot.x, spot.y)) for spot in spots]).reshape(-1, 2)
    half = _DOT * scale
    marks = np.concatenate([dots - half, dots + half], axis=1)
    if bars:
        ends = axes.transData.transform(np.reshape(bars, (-1, 2))).reshape(-1, 4)
        marks = np.concatenate([marks, ends + np.array([-1.0, -1.0, 1.0, 1.0])])
    taken = np.array([box.extents for box in keep_clear or []]).reshape(-1, 4)
    crowd = [float((1.0 / np.hypot(*(dots - dot).T).clip(1.0)).sum()) for dot in dots]
    labels: dict[int, Annotation] = {}
    for i in sorted(range(len(spots)), key=lambda i: (-crowd[i], i)):
        if not spots[i].text:
            continue
        label = _write(axes, spots[i], size)
        extent = Text.get_window_extent(label, renderer)  # of the text alone, without the line
        places = dots[i][[0, 1, 0, 1]] + _ring(extent.width, extent.height, scale)
        costs = _costs(places, frame=frame, taken=taken, marks=marks)
        box = places[costs.argmin()]
        taken = np.concatenate([taken, box[None]])
        corner = (box[0], (box[1] + box[3]) / 2)
        label.set_position(tuple((np.array(corner) - dots[i]) / scale))
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


def _ring(width: float, height: float, scale: float) -> Boxes:
    """Boxes around the origin, nearest first: beside it, above and below, ever farther away."""
    radius, angle = (grid.ravel() for grid in np.meshgrid(_RADII, _ANGLES, indexing="ij"))
    across = np.cos(angle)
    shift = np.where(np.abs(across) < 0.3, width / 2, np.where(across < 0, width, 0.0))
    left = radius * scale * across - shift
    bottom = radius * scale * np.sin(angle) - height / 2
    return np.stack([left, bottom, left + width, bottom + height], axis=1)


def _shared(boxes: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Share of each box that lies in each other box, `[box, other]`."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.asarray(np.prod((high - low).clip(0.0), axis=2) / area[:, None])


def _costs(places: Boxes, *, frame: Boxes, taken: Boxes, marks: Boxes) -> NDArray[np.float64]:
    """Cost of each place: leaving the frame, then labels, then marks, then distance."""
    outside = 1.0 - _shared(places, frame)[:, 0]
    labels = _shared(places, taken)
    far = np.repeat(_RADII, len(_ANGLES)) / 40.0
    return np.asarray(
        np.where(outside > 1e-9, 100.0 * (1.0 + outside), 0.0)
        + np.where(labels > 0, 50.0 * (1.0 + labels), 0.0).sum(axis=1)
        + 3.0 * (_shared(places, marks) > 0).sum(axis=1)
        + far
    )
