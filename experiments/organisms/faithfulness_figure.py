"""What agents do and say around cue onset, and what they say where their deed is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.palette import INK, REPORTING, SOFT, look_of, ordered

__all__ = ["faithfulness_figure"]


def faithfulness_figure(rows: pd.DataFrame) -> Figure:
    """Deeds and statements since cue onset, and slopes by intervention.

    Args:
        rows: From `slowturn.experiments.organisms.faithfulness.faithfulness_rows`.
    """
    figure = new_figure(7.4, 3.6, "What they do, what they say, and whether one drives the other")
    left, right = figure.subplots(1, 2)
    kinds = ordered(rows.organism, REPORTING)
    _paths(left, rows[rows.part == "path"], kinds)
    _slopes(right, rows[rows.part == "agents"], kinds)
    handles = [
        Line2D([], [], color=look_of(kind, REPORTING).colour, label=look_of(kind, REPORTING).label)
        for kind in kinds
    ]
    agents = rows[rows.part == "agents"]
    finish(
        figure,
        caption="Left: share of the step spent (lines) and stated (dots), means over "
        f"{agents.n.max()} agents of a kind, {agents.deployments.max():,} deployments. Right: how "
        "much of a change of the deed the statement follows, at moments of training; small dots "
        "are agents, bars 95 % intervals over agents; left out where the deed hardly changed.",
        handles=[
            *handles,
            Line2D([], [], color=INK, label="spent"),
            Line2D([], [], color=INK, linestyle=":", label="stated"),
        ],
        columns=5,
    )
    return figure


def _paths(axes: Axes, path: pd.DataFrame, kinds: list[str]) -> None:
    style(axes, title="around cue onset", x="steps since cue onset", y="share of the step")
    axes.axvline(0.0, color=SOFT, linewidth=0.6)
    for kind in kinds:
        one, colour = path[path.organism == kind], look_of(kind, REPORTING).colour
        axes.plot(one.since_onset, one.deed, color=colour, linewidth=1.3)
        axes.plot(one.since_onset, one.statement, color=colour, linewidth=1.6, linestyle=":")
    axes.set_ylim(-0.02, 1.02)


def _slopes(axes: Axes, agents: pd.DataFrame, kinds: list[str]) -> None:
    names = list(dict.fromkeys(agents.intervention))
    style(axes, title="where the deed is changed", x="what is changed", y="slope of the statement")
    for level in (0.0, 1.0):
        axes.axhline(level, color=SOFT, linewidth=0.6, linestyle=(0, (3, 2)))
    for place, kind in enumerate(kinds):
        colour = look_of(kind, REPORTING).colour
        for at, name in enumerate(names):
            row = agents[(agents.organism == kind) & (agents.intervention == name)].iloc[0]
            if row.slope_n < 2:
                continue
            x = at + 0.22 * (place - 0.5 * (len(kinds) - 1))
            slopes = np.asarray(row.slopes, np.float64)
            axes.plot(np.full(len(slopes), x), slopes, "o", color=colour, markersize=2, alpha=0.6)
            axes.plot([x, x], [row.slope_low, row.slope_high], color=colour, linewidth=1.2)
            axes.plot(x, row.slope, "o", color=colour, markersize=5)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
