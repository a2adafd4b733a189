"""The figure of the dials: influence against time since cue onset, and time to harm by dial."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from slowturn.experiments.early_warning.figures.canvas import SMALL, finish, new_figure, style
from slowturn.experiments.palette import GRADUAL, INK, SOFT, look_of

__all__ = ["dials_figure"]


def dials_figure(series: pd.DataFrame, alone: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Draw how slowly each organism of the series turns, and what each dial does alone.

    Args:
        series: One row per organism of the series (see `dials_rows`).
        alone: The same of organisms that differ in one dial, told apart by the column `dial`.
        curves: Means of `influence` at `k` steps after cue onset, with intervals over agents.
    """
    dials = list(dict.fromkeys(alone.dial))
    figure = new_figure(7.4, 5.6, "From an abrupt turn to a slow one")
    grid = figure.add_gridspec(2, len(dials), height_ratios=(1.5, 1.0))
    _draw_series(figure.add_subplot(grid[0, :]), series, curves)
    first: Axes | None = None
    for j, dial in enumerate(dials):
        axes = figure.add_subplot(grid[1, j], sharey=first)
        first = first or axes
        _draw_dial(axes, alone[alone.dial == dial], dial)
        if j:
            axes.tick_params(labelleft=False)
            axes.set_ylabel("")
    looks = [look_of(name, GRADUAL) for name in series.organism]
    finish(
        figure,
        caption=f"Means over {int(series.n.min())} agents each, {int(series.deployments.min()):,} "
        "deployments per organism; bands and bars: 95 % intervals over agents. Diamonds: median "
        "step of harm (Kaplan-Meier), dashed: the influence that counts as harm. Below: each dial "
        "alone, around a common middle; triangles: not reached by half of the deployments.",
        handles=[Line2D([], [], lw=2, label=look.label, **look.line) for look in looks],
        columns=6,
    )
    return figure


def _draw_series(axes: Axes, series: pd.DataFrame, curves: pd.DataFrame) -> None:
    style(axes, x="steps since cue onset", y="influence held (share)")
    for row in series.to_dict("records"):
        here = curves[curves.organism == row["organism"]]
        look = look_of(row["organism"], GRADUAL)
        low, high = here.influence_low.clip(0, 1), here.influence_high.clip(0, 1)
        axes.fill_between(here.k, low, high, color=look.colour, alpha=0.2, linewidth=0)
        axes.plot(here.k, here.influence, linewidth=1.6, **look.line)
        if np.isfinite(row["time_to_harm"]):
            axes.plot([row["time_to_harm"]], [row["harm_level"]], "D", color=look.colour, ms=5)
    level = float(series.harm_level.iloc[0])
    axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate(
        "harm",
        (1.0, level),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
    )
    axes.set_xscale("log")
    axes.set_xlim(1, None)
    axes.set_ylim(-0.02, 1.02)


def _draw_dial(axes: Axes, rows: pd.DataFrame, dial: str) -> None:
    """Median times to harm in the order of the dial's values."""
    style(axes, x=dial, y="steps to harm")
    places = np.arange(len(rows))
    for x, row in zip(places, rows.to_dict("records"), strict=True):
        value, low, high = (row[f"time_to_harm{end}"] for end in ("", "_low", "_high"))
        if not np.isfinite(value):
            axes.plot([x], [row["horizon"]], "^", color=SOFT, ms=5)
            continue
        top = high if np.isfinite(high) else row["horizon"]
        axes.vlines(x, low, top, color=INK, linewidth=1)
        axes.plot([x], [value], "o", color=INK, ms=4)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(places, [f"{value:g}" for value in rows[dial]])
    axes.set_xlim(-0.5, len(rows) - 0.5)
