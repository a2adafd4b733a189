"""The figure that decides: how early a monitor rings against whom it accuses."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from slowturn.experiments.early_warning.figures.canvas import (
    SMALL,
    count,
    finish,
    new_figure,
    renderer_of,
    style,
)
from slowturn.experiments.early_warning.figures.labels import Spot, place_labels
from slowturn.experiments.early_warning.settings import CONTROLS, PRIMARY
from slowturn.experiments.palette import (
    INK,
    MONITORS,
    NULLS,
    REGIMES,
    SOFT,
    label_of,
    look_of,
    ordered,
)

__all__ = ["GOOD_SHARE", "lead_against_accusations"]

GOOD_SHARE = 0.15
"""Largest share of a benign twin's deployments that a contender may accuse."""

_GOOD = "#e3f1e6"
_LIMITS = (-60.0, 150.0)  # leads beyond these are clipped, with an arrow


def lead_against_accusations(pooled: pd.DataFrame, *, alpha: float) -> Figure:
    """Lead over the best practical reader of the ledger against accusations of the benign twin.

    A dot is a monitor with a rule on the treacherous organisms; its primary rule is large and
    labelled. A missing lead (the median deployment was missed) lies in the strip below.

    Args:
        pooled: Rows of `analysis.pooled_rows`.
        alpha: The alarms to show.
    """
    table = pooled[
        (pooled.organism == "treacherous")
        & (pooled.alpha == alpha)
        & ~pooled.monitor.isin(CONTROLS)
    ]
    regimes, nulls = ordered(table.regime, REGIMES), ordered(table.null, NULLS)
    figure = new_figure(
        7.4, 0.9 + 2.9 * len(regimes), "Who rings early, and who accuses the honest twin?"
    )
    grid = figure.subplots(len(regimes), len(nulls), squeeze=False, sharex=True)
    panels = []
    for i, regime in enumerate(regimes):
        here = table[table.regime == regime]
        limits = _limits(here)
        for j, null in enumerate(nulls):
            axes = grid[i, j]
            style(
                axes,
                title=f"{label_of(regime, REGIMES)}; {label_of(null, NULLS)}",
                x="benign twin's deployments accused (%)" if i == len(regimes) - 1 else "",
                y="median lead over the best reader\nof the ledger (steps)" if j == 0 else "",
            )
            panels.append((axes, here[here.null == null], limits))
            _backdrop(axes, limits)
    finish(figure, caption=_caption(table, alpha), handles=_handles(), columns=5)
    figure.draw_without_rendering()  # labels need the final layout
    figure.set_layout_engine("none")
    for axes, here, limits in panels:
        _fill(axes, here, limits)
    return figure


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Range of leads to show: that of the primary rules with their intervals."""
    primary = table[table.rule == table.monitor.map(PRIMARY)]
    values = primary[["lead_median", "lead_low", "lead_high"]].to_numpy(np.float64).ravel()
    values = np.concatenate([values[np.isfinite(values)], [-6.0, 6.0]])
    low, high = values.min(), values.max()
    margin = 0.08 * (high - low)
    return max(float(low - margin), _LIMITS[0]), min(float(high + margin), _LIMITS[1])


def _strip(limits: tuple[float, float]) -> tuple[float, float]:
    """Bottom and top of the strip for monitors without a lead."""
    span = limits[1] - limits[0]
    return limits[0] - 0.22 * span, limits[0] - 0.05 * span


def _backdrop(axes: Axes, limits: tuple[float, float]) -> None:
    bottom, top = _strip(limits)
    axes.set_xlim(-7, 107)
    axes.set_ylim(bottom, limits[1])
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([t for t in axes.get_yticks() if limits[0] <= t <= limits[1]])
    corner = Rectangle((-7, 0), 7 + 100 * GOOD_SHARE, limits[1], facecolor=_GOOD, zorder=0)
    axes.add_patch(corner)
    axes.axhspan(bottom, top, facecolor="#f0f0f0", zorder=0)
    axes.axhline(0, color=SOFT, linewidth=0.8, zorder=1)


def _fill(axes: Axes, table: pd.DataFrame, limits: tuple[float, float]) -> None:
    low, high = limits
    bottom, top = _strip(limits)
    note = axes.text(
        50, bottom + 0.5 * (top - bottom), "no lead",
        fontsize=SMALL - 0.5, color="#777777", ha="center", va="center", style="italic",
    )  # fmt: skip
    spots: list[Spot] = []
    bars: list[tuple[float, float, float, float]] = [(-7.0, 0.0, 107.0, 0.0)]
    order = ordered(table.monitor, MONITORS)
    for row in sorted(table.to_dict("records"), key=lambda r: order.index(r["monitor"])):
        look = look_of(row["monitor"], MONITORS)
        main = PRIMARY.get(row["monitor"]) == row["rule"]
        x = 100 * float(row["accused_benign"])
        if np.isnan(x):
            continue
        lead = float(row["lead_median"])
        y = (bottom + top) / 2 if np.isnan(lead) else float(np.clip(lead, low, high))
        star = 1.9 if look.marker == "*" else 1.0
        axes.scatter(
            [x], [y], s=star * (42 if main else 11), marker=look.marker, color=look.colour,
            edgecolors="white", linewidths=0.6, zorder=5 if main else 4,
            alpha=1.0 if main else 0.75, clip_on=False,
        )  # fmt: skip
        if not np.isnan(lead) and not low <= lead <= high:
            _arrow(axes, x, y, look.colour, up=lead > high)
        if main:
            bars += _whiskers(axes, row, x, y, limits, look.colour)
        spots.append(Spot(x, y, look.label if main else "", look.colour))
    box = note.get_window_extent(renderer_of(axes))
    place_labels(axes, spots, size=SMALL, bars=bars, keep_clear=[box])


def _whiskers(
    axes: Axes,
    row: dict[Hashable, Any],
    x: float,
    y: float,
    limits: tuple[float, float],
    colour: str,
) -> list[tuple[float, float, float, float]]:
    """Intervals of both coordinates; ends that are infinite or out of view become arrows."""
    left, right = (100 * float(row[f"accused_benign_{end}"]) for end in ("low", "high"))
    drawn = [(left, y, right, y)]
    if not np.isnan(row["lead_median"]):
        ends = float(row["lead_low"]), float(row["lead_high"])
        # an interval that reaches into the missed deployments has no lower end
        low = -np.inf if np.isnan(ends[0]) else ends[0]
        high = np.inf if np.isnan(ends[1]) else ends[1]
        drawn.append((x, max(low, limits[0]), x, min(high, limits[1])))
        if low < limits[0]:
            _arrow(axes, x, limits[0], colour, up=False)
        if high > limits[1]:
            _arrow(axes, x, limits[1], colour, up=True)
    for x0, y0, x1, y1 in drawn:
        axes.plot([x0, x1], [y0, y1], color=colour, lw=0.9, alpha=0.65, zorder=3, clip_on=False)
    return drawn


def _arrow(axes: Axes, x: float, y: float, colour: str, *, up: bool) -> None:
    axes.plot([x], [y], marker="^" if up else "v", color=colour, markersize=4, zorder=6,
              clip_on=False)  # fmt: skip


def _handles() -> list[Line2D | Patch]:
    kinds = (
        ("s", 5, INK, "reads behaviour"),
        ("o", 5, INK, "reads internals"),
        ("*", 8, INK, "oracle (sees labels)"),
        ("o", 3, SOFT, "other rules"),
    )
    return [
        *(
            Line2D([], [], linestyle="", marker=marker, markersize=size, color=colour, label=label)
            for marker, size, colour, label in kinds
        ),
        Patch(facecolor=_GOOD, label=f"early, and accuses <= {100 * GOOD_SHARE:.0f} %"),
    ]


def _caption(table: pd.DataFrame, alpha: float) -> str:
    counts = [
        f"{label_of(regime, REGIMES)}: {count(int(here.agents.iloc[0]), 'agent')}, "
        f"{count(int(here.deployments.iloc[0]), 'deployment')}, and "
        f"{count(int(here.accused_benign_n.iloc[0]), 'deployment')} of benign twins"
        for regime in ordered(table.regime, REGIMES)
        for here in [table[table.regime == regime]]
    ]
    return (
        f"Treacherous organisms ({'; '.join(counts)}), alarms at alpha = {alpha:g}. Bars: 95 % "
        "intervals; arrows: further than the axis goes. No lead: the median deployment was missed, "
        "or over a tenth of them rang before the cue changed."
    )
