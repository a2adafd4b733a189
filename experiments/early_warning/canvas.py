"""What the figures share: a canvas of their own, one style, a caption line."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slowturn.experiments.palette import INK, SOFT

__all__ = ["SIZE", "SMALL", "caption", "new_figure", "style"]

SIZE, SMALL = 8.0, 7.0
"""Font sizes of labels and of captions, in points, at the printed size of the figure."""


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure that pyplot does not know of, `width` x `height` inches."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=SIZE + 2, color=INK, weight="bold")
    return figure


def caption(figure: Figure, text: str) -> None:
    """A small line below everything: what was drawn, and from how many."""
    figure.supxlabel(text, x=0.01, ha="left", fontsize=SMALL, color="#555555")


def style(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Quiet axes: two spines, small ticks, a faint grid."""
    axes.set_title(title, fontsize=SIZE, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=SIZE, color=INK)
    axes.set_ylabel(y, fontsize=SIZE, color=INK)
    axes.tick_params(labelsize=SMALL, colors=INK, length=2.5, width=0.6)
    axes.grid(color="#e6e6e6", linewidth=0.5)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(SOFT)
        spine.set_linewidth(0.6)
