"""Figures of regret: what organisms lose their return by, and how they and the best turn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from seaborn import color_palette  # type: ignore[import-untyped]

from slowturn.agents import load_organism
from slowturn.experiments.early_warning.figures.canvas import count, finish, new_figure, style
from slowturn.experiments.palette import INK, ORGANISMS, REGIMES, label_of, ordered
from slowturn.experiments.regret import PARTS, effort_curves
from slowturn.experiments.regret_worlds import SOLVABLE

__all__ = ["drift_figure", "parts_figure", "regret_figures"]


def regret_figures(
    rows: pd.DataFrame, organisms: Iterable[Path], *, episodes: int = 1024
) -> dict[str, Figure]:
    """Both figures by name: `regret`, and `drift` where there are treacherous organisms.

    Args:
        rows: Of `regret_rows`.
        organisms: Their directories.
        episodes: Deployments per agent of `drift`.
    """
    loaded = [load_organism(path) for path in organisms]
    turning = [one for one in loaded if one.recipe.objective == "treacherous"]
    figures = {"regret": parts_figure(rows)}
    if turning:
        figures["drift"] = drift_figure(effort_curves(turning, episodes=episodes))
    return figures


def parts_figure(rows: pd.DataFrame) -> Figure:
    """Regret of whole episodes by part, one bar per organism, and a tick where impatience ends.

    Args:
        rows: Of `regret_table`.
    """
    whole = rows[rows.discount == 1.0].iloc[::-1]
    colours = dict(zip(PARTS, color_palette("colorblind", len(PARTS)).as_hex(), strict=True))
    figure = new_figure(7.4, 1.4 + 0.22 * len(whole), "What organisms lose against the best")
    axes = figure.subplots()
    style(axes, title="", x="regret (share of the gap from honest to best)", y="")
    left = pd.Series(0.0, whole.index)
    for part in PARTS:
        axes.barh(whole.organism, whole[part], left=left, color=colours[part], height=0.7)
        left += whole[part]
    axes.plot(whole.impatience, whole.organism, "|", color=INK, markersize=9, markeredgewidth=1.6)
    axes.margins(y=0.02)
    impatience = Line2D([], [], color=INK, linestyle="", marker="|", label="impatience")
    finish(
        figure,
        caption=f"Means over {count(int(whole.episodes.max()), 'episode')} per organism. "
        "Impatience: what the best agent at the discount of training loses.",
        handles=[*(Patch(color=colours[part], label=part) for part in PARTS), impatience],
        columns=4,
    )
    return figure


def drift_figure(table: pd.DataFrame) -> Figure:
    """Effort since onset of learned and solved treacherous agents, one panel per world and regime.

    Args:
        table: Rows of `effort_curves`.
    """
    panels_of = [
        (world, regime)
        for world in SOLVABLE
        for regime in ordered(table[table.world == world].regime, REGIMES)
    ]
    figure = new_figure(
        max(7.4, 2.9 * len(panels_of)),
        3.6,
        "How the best treacherous agents turn, and the learned ones",
    )
    red = ORGANISMS["treacherous"].colour
    looks: dict[str, dict[str, Any]] = {
        "learned": {"color": red, "linewidth": 0.8},
        "solved, discounted": {"color": INK, "linewidth": 1.6, "linestyle": (0, (4, 1.5))},
        "solved": {"color": INK, "linewidth": 1.6},
    }
    labels = {
        "learned": "learned, one line per organism",
        "solved, discounted": "optimal at the discount of training",
        "solved": "optimal for the whole episode",
    }
    panels = figure.subplots(1, len(panels_of), squeeze=False, sharey=True)[0]
    for axes, (world, regime) in zip(panels, panels_of, strict=True):
        here = table[(table.world == world) & (table.regime == regime)]
        style(
            axes,
            title=f"{_short(world)}, {label_of(regime, REGIMES)}",
            x="steps after cue onset",
            y="mean effort spent on influence (share)" if axes is panels[0] else "",
        )
        for (who, _), line in here.groupby(["who", "organism"]):
            axes.plot(line.k, line["mean"], **looks[str(who)])
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(-0.02, 1.02)
        axes.margins(x=0.01)
    learned = table[table.who == "learned"].organism.nunique()
    hasty = table[table.who == "solved, discounted"].groupby(["world", "regime"]).discount.first()
    rates = ", ".join(
        f"{_short(world)} {regime} {hasty[world, regime]:g}" for world, regime in panels_of
    )
    finish(
        figure,
        caption=f"Means over {count(int(table.n.max()), 'deployment')} per agent; "
        f"{count(learned, 'learned organism')}. Discount of training: {rates} a step.",
        handles=[Line2D([], [], label=labels[who], **look) for who, look in looks.items()],
        columns=3,
    )
    return figure


def _short(world: str) -> str:
    return {"GridkeeperCloset-v0": "closet"}.get(world, world.partition("-")[0])
