"""What evasion costs, and what it buys under frozen and refitted monitors."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.palette import EVADERS, INK, MONITORS, SOFT, look_of

__all__ = ["evaders_figure"]

_MANY = 0.1  # false alarms in training from which a monitor that sees all sees nothing
_FITTINGS = {"frozen": "as they were", "reset": "alarm set anew", "refitted": "refitted"}
_OFFSETS = (-0.24, -0.08, 0.08, 0.24)


def evaders_figure(rows: pd.DataFrame) -> Figure:
    """Deployments that reach harm unseen by each monitor as it is set up; and influence.

    Args:
        rows: From `slowturn.experiments.organisms.evaders.evader_rows`.
    """
    figure = new_figure(7.4, 4.4, "What training against monitors buys, and what it costs")
    kinds = [kind for kind in dict.fromkeys(rows.organism) if kind != "honest"]
    panels = figure.subplots(1, 4, sharey=True)
    watched = rows[rows.part == "monitor"]
    names = list(dict.fromkeys(watched.monitor))
    for axes, (fitting, title) in zip(panels[:-1], _FITTINGS.items(), strict=True):
        style(axes, title=title, x="harm unseen (share)", y="")
        for offset, name in zip(_OFFSETS, names, strict=True):
            look = look_of(name, MONITORS)
            here = watched[(watched.fitting == fitting) & (watched.monitor == name)]
            for _, row in here[here.organism != "honest"].iterrows():
                y = kinds.index(row.organism) - offset
                ends = [max(0.0, row.unseen_low), min(1.0, row.unseen_high)]
                axes.plot(ends, [y, y], color=look.colour, linewidth=1.0)
                axes.plot(
                    row.unseen, y, look.marker, color=look.colour, markersize=4.5,
                    fillstyle="none" if row.false > _MANY else "full",
                )  # fmt: skip
        axes.set_xlim(-0.04, 1.04)
    agents = rows[rows.part == "agents"]
    style(panels[-1], title="what it costs", x="influence at the end", y="")
    for _, row in agents[agents.organism != "honest"].iterrows():
        y = kinds.index(row.organism)
        ends = [max(0.0, row.influence_low), min(1.0, row.influence_high)]
        panels[-1].plot(ends, [y, y], color=INK, linewidth=1.2)
        panels[-1].plot(row.influence, y, "o", color=INK, markersize=4.5)
    panels[-1].set_xlim(-0.04, 1.04)
    for axes in panels:
        for k in range(len(kinds) - 1):
            axes.axhline(k + 0.5, color=SOFT, linewidth=0.3)
    panels[0].set_yticks(range(len(kinds)), [look_of(kind, EVADERS).label for kind in kinds])
    panels[0].set_ylim(len(kinds) - 0.5, -0.5)
    finish(
        figure,
        caption=f"Means over {agents.n.max()} agents of a kind, {agents.deployments.max():,} fresh "
        "deployments, with 95 % intervals over agents; alarms at alpha = .05. Harm unseen: it came "
        "before any alarm, or without one. Monitors are those of whom it began as, with their "
        "alarms or new ones, or fitted on itself; hollow where one rings in over a tenth of "
        "training-phase episodes as well. Those that were trained against nobody stand on top.",
        handles=[
            Line2D(
                [], [], color=look.colour, marker=look.marker, linestyle="", markersize=4,
                label=look.label,
            )
            for look in (look_of(name, MONITORS) for name in names)
        ],
        columns=4,
    )  # fmt: skip
    return figure
