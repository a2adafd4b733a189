"""What the figures share: a canvas of their own, one style, a caption line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slowturn.experiments.palette import INK, SOFT

__all__ = ["SIZE", "SMALL", "count", "finish", "new_figure", "renderer_of", "style"]

SIZE, SMALL = 8.0, 7.0
"""Font sizes of labels and of captions, in points, at the printed size of the figure."""

_CHARACTERS = 19.0  # of a caption, per inch


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure that pyplot does not know of, `width` x `height` inches."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.012, ha="left", fontsize=SIZE + 2, color=INK, weight="bold")
    return figure


def finish(figure: Figure, *, caption: str, handles: Sequence[Artist], columns: int = 1) -> None:
    """Write a legend and, below it, a small caption under the panels, and make room for both.

    Args:
        figure: From `new_figure`.
        caption: What was drawn, and from how many; broken into lines here.
        handles: Entries of the legend.
        columns: Columns of the legend.
    """
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(caption, int(width * _CHARACTERS))
    text = len(lines) * SMALL * 1.35 / 72.0 + 0.06
    rows = -(-len(handles) // columns)
    room = text + rows * SMALL * 1.55 / 72.0 + (0.06 if handles else 0.0)
    figure.get_layout_engine().set(rect=(0.0, room / height, 1.0, 1.0 - room / height))  # type: ignore[union-attr, call-arg]
    figure.text(
        0.012, 0.06 / height, "\n".join(lines), fontsize=SMALL, color="#555555", linespacing=1.35,
        ha="left", va="bottom",
    )  # fmt: skip
    if handles:
        figure.legend(
            handles=list(handles), loc="lower left", bbox_to_anchor=(0.004, text / height),
            ncols=columns, fontsize=SMALL, frameon=False, borderpad=0.0, borderaxespad=0.4,
            labelspacing=0.4, columnspacing=1.6, handlelength=2.4, labelcolor=INK,
        )  # fmt: skip


def renderer_of(axes: Axes) -> RendererBase:
    """What measures texts in the figure of these axes.

    Raises:
        TypeError: If the figure has no Agg canvas, as those of `new_figure` have.
    """
    canvas = axes.figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        raise TypeError(f"expected a figure with an Agg canvas, got {type(canvas).__name__}.")
    renderer: RendererBase = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return renderer


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


def count(number: int, thing: str) -> str:
    """A number with its noun.

    Example:
        >>> count(1, "agent"), count(1200, "deployment")
        ('1 agent', '1,200 deployments')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
