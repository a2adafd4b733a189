"""The figure of `slowturn speed`: growth with the batch and with the size of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator
from seaborn import color_palette  # type: ignore[import-untyped]

from slowturn.experiments.early_warning.figures.canvas import SMALL, finish, new_figure, style
from slowturn.experiments.palette import INK, SOFT
from slowturn.experiments.speed import YARDSTICK

__all__ = ["draw_growth", "save_growth"]

_MARKERS = "osD^vP*X"
_YARDSTICKS = {
    "minigrid_empty_8x8_steps_per_second": "MiniGrid, one environment",
    "envpool_minigrid_steps_per_second": "EnvPool's MiniGrid",
}


def save_growth(growth: Sequence[Mapping[str, Any]], speed: Mapping[str, Any], path: Path) -> None:
    """Draw the rows of `measure_growth` to `path`."""
    draw_growth(pd.DataFrame(growth), speed).savefig(path, dpi=200)


def draw_growth(growth: pd.DataFrame, speed: Mapping[str, Any]) -> Figure:
    """Steps per second against the batch, by world, and against the side of Gridkeeper's map.

    Args:
        growth: Rows of `measure_growth`.
        speed: What `measure_speed` found in the same run: for the yardsticks.
    """
    figure = new_figure(7.2, 4.4, "How speed grows with the batch and with the map")
    batches, sizes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    names = list(dict.fromkeys(growth["name"]))
    colours = dict(zip(names, color_palette("colorblind", len(names)).as_hex(), strict=True))
    markers = {name: _MARKERS[k % len(_MARKERS)] for k, name in enumerate(names)}
    for axes, along in ((batches, "batch"), (sizes, "size")):
        for name, rows in growth[growth["along"] == along].groupby("name", sort=False):
            look = {"color": colours[name], "marker": markers[name]}
            rows = rows.sort_values("x")  # noqa: PLW2901 - the same rows
            axes.plot(rows["x"], rows["steps_per_second"], **look, markersize=4, linewidth=1.4)
            axes.fill_between(
                rows["x"], rows["low"], rows["high"], color=colours[name], alpha=0.18, linewidth=0
            )
        _scale(axes, sorted(set(growth.loc[growth["along"] == along, "x"])))
        _yardsticks(axes, speed, written=axes is batches)
    style(batches, title="by world", x="episodes in a batch", y="environment steps per second")
    style(sizes, title=f"Gridkeeper, batch {speed['batch']:,}", x="side of the map (cells)")
    finish(
        figure,
        caption=(
            "Random legal actions with observations, rewards and resets; processor time of one "
            "thread. Lines are medians over rounds taken in turns, bands their quartiles. Dashed: "
            f"{YARDSTICK} in the same run."
        ),
        handles=[
            Line2D([], [], color=colours[n], marker=markers[n], markersize=4, label=n)
            for n in names
        ],
        columns=3,
    )
    return figure


def _scale(axes: Axes, ticks: list[int]) -> None:
    """Logarithmic on both axes, with a tick wherever something was measured."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    """A rate in few characters.

    Example:
        >>> _short(20_000_000), _short(3000), _short(10)
        ('20 M', '3 k', '10')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _yardsticks(axes: Axes, speed: Mapping[str, Any], *, written: bool) -> None:
    """Lines at the speeds of others, with their names where there is room."""
    for key, label in _YARDSTICKS.items():
        if speed.get(key) is None:
            continue
        axes.axhline(speed[key], color=SOFT, linestyle=(0, (5, 1.5)), linewidth=1.0)
        if written:
            axes.annotate(
                label, (1.0, speed[key]), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                textcoords="offset points", ha="right", fontsize=SMALL, color=INK,
            )  # fmt: skip
