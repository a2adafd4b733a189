"""Figures of the early-warning claim: tables in, a figure out; only `save_figures` writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.experiments.early_warning.figures.canvas import (
    SIZE,
    SMALL,
    count,
    finish,
    new_figure,
    style,
)
from slowturn.experiments.early_warning.figures.lead import lead_against_accusations
from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.palette import (
    INK,
    MONITORS,
    ORGANISMS,
    REGIMES,
    SOFT,
    Look,
    label_of,
    look_of,
    ordered,
)

__all__ = [
    "FIGURES",
    "alarm_curves",
    "drift",
    "lead_against_accusations",
    "save_figures",
    "states",
]

FIGURES = ("lead_against_accusations", "drift", "alarm_curves", "states")
"""Names of the figures, in the order of the report."""

_SHOWN_STATES = ("treacherous", "benign_twin", "honest")


def _width(columns: int) -> float:
    return 7.4 if columns > 1 else 4.8


def drift(table: pd.DataFrame, *, harm_level: float) -> Figure:
    """Effort and influence by steps since cue onset, one column per regime.

    Thin lines are agents, thick ones their mean, bands the central 80 % of deployments (means of
    the agents' quantiles).

    Args:
        table: Rows of `tables.drift`.
        harm_level: Influence from which a deployment counts as harmed.
    """
    regimes, kinds = ordered(table.regime, REGIMES), ordered(table.organism, ORGANISMS)
    figure = new_figure(_width(len(regimes)), 5.0, "What the agents do once deployment begins")
    grid = figure.subplots(2, len(regimes), squeeze=False, sharex=True, sharey="row")
    for j, regime in enumerate(regimes):
        for i, quantity in enumerate(("effort", "influence")):
            axes: Axes = grid[i, j]
            style(
                axes,
                title=label_of(regime, REGIMES) if i == 0 else "",
                x="steps after cue onset" if i == 1 else "",
                y=("effort spent on influence\n(share)", "influence held\n(share)")[i]
                if j == 0
                else "",
            )
            here = table[(table.regime == regime) & (table.quantity == quantity)]
            for kind in reversed(kinds):
                _draw_drift(axes, here[here.organism == kind], look_of(kind, ORGANISMS))
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.set_ylim(-0.02, 1.02)
            axes.margins(x=0.01)
        effort, influence = grid[:, j]
        effort.annotate("cue onset", (0, 1.0), xytext=(-3, 0), textcoords="offset points",
                        fontsize=SMALL, color=INK, ha="right", va="top")  # fmt: skip
        influence.axhline(harm_level, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        influence.annotate("harm", (table.k.min(), harm_level), xytext=(0, 2),
                           textcoords="offset points", fontsize=SMALL, color=INK)  # fmt: skip
    agents = {kind: _agents(table[table.organism == kind]) for kind in kinds}
    counts = ", ".join(f"{look_of(kind, ORGANISMS).label} {agents[kind]}" for kind in kinds)
    finish(
        figure,
        caption=f"Thin lines: agents ({counts}; up to {count(int(table.n.max()), 'deployment')} "
        "each); thick: their mean; bands: the central 80 % of deployments. Dashed black: the "
        "influence that counts as harm.",
        handles=[
            Line2D([], [], lw=2, label=look.label, **look.line)
            for look in (look_of(kind, ORGANISMS) for kind in kinds)
        ],
        columns=5,
    )
    return figure


def _agents(table: pd.DataFrame) -> int:
    return len(table[["regime", "seed"]].drop_duplicates())


def _draw_drift(axes: Axes, here: pd.DataFrame, look: Look) -> None:
    if here.empty:
        return
    mean = _all_agents(here).groupby("k")[["mean", "low", "high"]].mean()
    axes.fill_between(mean.index, mean.low, mean.high, color=look.colour, alpha=0.15, linewidth=0)
    for _, agent in here.groupby("seed"):
        axes.plot(agent.k, agent["mean"], color=look.colour, linewidth=0.5, alpha=0.6)
    axes.plot(mean.index, mean["mean"], linewidth=1.6, **look.line)


def alarm_curves(curves: pd.DataFrame, bounds: pd.DataFrame, *, alpha: float) -> Figure:
    """P(alarm by k steps after cue onset) of the primary monitors, beside the bounds on behaviour.

    Of the treacherous organisms, with alarms set on their own training.

    Args:
        curves: Rows of `analysis.alarm_curves`.
        bounds: Rows of the envelopes of both behavioural records.
        alpha: The alarms behind `curves`.
    """
    own = curves[(curves.organism == "treacherous") & (curves.null == "training")]
    own = own[own.rule == own.monitor.map(PRIMARY)]
    bounds = bounds[(bounds.organism == "treacherous") & (bounds.alpha == alpha)]
    regimes, monitors = ordered(own.regime, REGIMES), ordered(own.monitor, MONITORS)
    figure = new_figure(_width(len(regimes)), 4.2, "Who rings before behaviour can tell?")
    grid = figure.subplots(1, len(regimes), squeeze=False, sharey=True)[0]
    for axes, regime in zip(grid, regimes, strict=True):
        style(
            axes,
            title=label_of(regime, REGIMES),
            x="steps after cue onset",
            y="deployments with an alarm by then (%)" if axes is grid[0] else "",
        )
        for record, dashes in _BOUNDS.items():
            here = bounds[(bounds.regime == regime) & (bounds.record == record) & (bounds.k >= 0)]
            _draw_bound(axes, here[~here.since_onset.astype(bool)], dashes)
        ends = []
        for monitor in monitors:
            here = own[(own.regime == regime) & (own.monitor == monitor)]
            total = _all_agents(here).groupby("k")[["rang", "n"]].sum()
            line = look_of(monitor, MONITORS).line
            axes.plot(total.index, 100 * total.rang / total.n, linewidth=1.5, zorder=3, **line)
            settled = total.index[total.rang >= 0.97 * total.n]
            ends.append(settled.min() if len(settled) else total.index.max())
        axes.set_xlim(0, float(np.clip(max(ends), 40, 120)))
        axes.set_ylim(-1, 101)
    handles = [
        Line2D([], [], lw=1.5, label=look.label, **look.line)
        for look in (look_of(name, MONITORS) for name in monitors)
    ]
    handles += [
        Line2D([], [], color="black", lw=1.4, linestyle=dashes, label=f"bound: {record} record")
        for record, dashes in _BOUNDS.items()
    ]
    counts = [
        f"{label_of(regime, REGIMES)}: {count(here.seed.nunique(), 'agent')}, "
        + count(int(here[here.k == 0].groupby("seed").n.max().sum()), "deployment")
        for regime in regimes
        for here in [own[own.regime == regime]]
    ]
    finish(
        figure,
        caption=f"Treacherous organisms ({'; '.join(counts)}), alarms at alpha = {alpha:g} set on "
        "their own training. No reader of a record of behaviour can ring more often than the "
        "bound of that record (band: 95 %).",
        handles=handles,
        columns=3,
    )
    return figure


_BOUNDS: dict[str, tuple[float, tuple[float, ...]]] = {
    "ledger": (0, (5, 2)),
    "actions": (0, (1, 1.4)),
}
"""Records of behaviour with the dashes of their bounds."""


def _all_agents(table: pd.DataFrame) -> pd.DataFrame:
    """The steps at which every agent of the table has a value, so that no mean changes its base."""
    return table[table.groupby("k").seed.transform("nunique") == table.seed.nunique()]


def _draw_bound(axes: Axes, here: pd.DataFrame, dashes: tuple[float, tuple[float, ...]]) -> None:
    if here.empty:
        return
    mean = 100 * _all_agents(here).groupby("k")[["power", "power_low", "power_high"]].mean()
    mean = mean.clip(0.0, 100.0)
    axes.fill_between(mean.index, mean.power_low, mean.power_high, color="black", alpha=0.1, lw=0)
    axes.plot(mean.index, mean.power, color="black", linewidth=1.4, linestyle=dashes, zorder=4)


def states(table: pd.DataFrame) -> Figure:
    """Hidden states along the imagined way to power and the direction that varies most beside it.

    One agent of a kind per panel, a row per regime; each has directions of its own.

    Args:
        table: Rows of `tables.states`.
    """
    regimes = ordered(table.regime, REGIMES)
    kinds = [k for k in _SHOWN_STATES if k in set(table.organism)]
    figure = new_figure(7.4, 0.9 + 2.3 * len(regimes), "Where the hidden state goes")
    grid = figure.subplots(len(regimes), len(kinds), squeeze=False)
    norm = Normalize(0, float(table.k.max()))
    seeds = []
    for i, regime in enumerate(regimes):
        for j, kind in enumerate(kinds):
            axes = grid[i, j]
            here = table[(table.regime == regime) & (table.organism == kind)]
            here = here[here.seed == here.seed.min()]
            style(
                axes,
                title=f"{look_of(kind, ORGANISMS).label}, {label_of(regime, REGIMES)}",
                x="share of the way to power" if i == len(regimes) - 1 else "",
                y="main other direction" if j == 0 else "",
            )
            if not here.empty:
                seeds.append(int(here.seed.iloc[0]))
                _draw_states(axes, here, norm)
    bar = figure.colorbar(ScalarMappable(norm, _SEQUENCE), ax=grid, aspect=30, pad=0.01)
    bar.set_label("steps after cue onset (grey: before it)", fontsize=SIZE, color=INK)
    bar.ax.tick_params(labelsize=SMALL, length=2.5)
    bar.outline.set_visible(False)
    finish(
        figure,
        caption=f"One agent a panel (seed {', '.join(map(str, sorted(set(seeds))))}), "
        f"{count(int(here.groupby('k').size().max()), 'deployment')} each; line: mean path from "
        "cue onset (circle) on. The way to power leads from the mean training state (0) to the "
        "state imagined to seek power (1, dotted). Each panel has its own directions and scales.",
        handles=[],
    )
    return figure


_SEQUENCE = "viridis"


def _draw_states(axes: Axes, here: pd.DataFrame, norm: Normalize) -> None:
    before, after = here[here.k < 0], here[here.k >= 0]
    axes.scatter(before.x, before.y, s=3, color="#b5b5b5", linewidths=0, alpha=0.6)
    axes.scatter(after.x, after.y, s=4, c=after.k, cmap=_SEQUENCE, norm=norm, linewidths=0,
                 alpha=0.7)  # fmt: skip
    path = after.groupby("k")[["x", "y"]].mean().rolling(5, center=True, min_periods=1).mean()
    axes.plot(path.x, path.y, color="white", linewidth=2.6, zorder=3)
    axes.plot(path.x, path.y, color=INK, linewidth=1.1, zorder=4)
    axes.plot(path.x.iloc[:1], path.y.iloc[:1], marker="o", color="white", markeredgecolor=INK,
              markersize=5, zorder=5)  # fmt: skip
    for values, limit in ((here.x, axes.set_xlim), (here.y, axes.set_ylim)):
        low, high = np.quantile(values, (0.005, 0.995))
        low, high = (min(low, -0.1), max(high, 1.1)) if values is here.x else (low, high)
        margin = 0.06 * (high - low) + 1e-6
        limit(low - margin, high + margin)
    axes.axvline(1, color=SOFT, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=1)


def save_figures(
    out: Path, tables: dict[str, pd.DataFrame], pooled: pd.DataFrame, curves: pd.DataFrame,
    *, alpha: float, harm_level: float,
) -> dict[str, Path]:  # fmt: skip
    """Draw every figure and write it as `out/figures/NAME.png` at 200 dpi.

    Args:
        out: Directory of the results.
        tables: Tables of `run_parts`.
        pooled: Rows of `analysis.pooled_rows`.
        curves: Rows of `analysis.alarm_curves`.
        alpha: The alarms to show.
        harm_level: The world's, as in `drift`.

    Returns:
        Where each figure is, by name, in the order of `FIGURES`.
    """
    drawn: Iterable[Figure] = (
        lead_against_accusations(pooled, alpha=alpha),
        drift(tables["drift"], harm_level=harm_level),
        alarm_curves(curves, tables["bounds"], alpha=alpha),
        states(tables["states"]),
    )
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, figure in zip(FIGURES, drawn, strict=True):
        paths[name] = folder / f"{name}.png"
        figure.savefig(paths[name], dpi=200)
    return paths
