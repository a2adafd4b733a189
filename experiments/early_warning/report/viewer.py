"""What the report's viewer shows: a few deployments, step by step, as plain JSON types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.palette import (
    MONITORS,
    ORGANISMS,
    REGIMES,
    RULES,
    label_of,
    look_of,
    ordered,
)

__all__ = ["viewer_data"]

_KINDS = ("treacherous", "benign_twin")
_DIGITS = 3


def viewer_data(shown: pd.DataFrame, *, fresh: int | None = None) -> dict[str, Any]:
    """Deployments of treacherous organisms and benign twins, with every primary monitor.

    Statistics are put on one scale by monitor and agent: 0 is what is usual before cue onset (the
    median), 1 the threshold of its alarm, which rings above it. Dividing by the threshold would
    turn those below zero upside down.

    Args:
        shown: Rows of `tables.shown`; alarms set on training are used.
        fresh: Seed whose agents come first.

    Returns:
        `monitors` (label, colour, dash, rule) and `agents`, each with a label and `runs`: cue
        `onset`, `effort`, `influence`, and per monitor the scaled `readings` and the step of the
        first `alarms` or None.
    """
    table = shown[
        shown.organism.isin(_KINDS)
        & (shown.null == "training")
        & (shown.rule == shown.monitor.map(PRIMARY))
    ]
    monitors = ordered(table.monitor, MONITORS)
    regimes = ordered(table.regime, REGIMES)
    names = table[["regime", "organism", "seed"]].drop_duplicates().itertuples(index=False)
    order = sorted(
        names, key=lambda n: (n[2] != fresh, regimes.index(n[0]), _KINDS.index(n[1]), n[2])
    )
    agents = []
    for regime, kind, seed in order:
        own = table[(table.regime == regime) & (table.organism == kind) & (table.seed == seed)]
        label = f"{look_of(kind, ORGANISMS).label}, {label_of(regime, REGIMES)}, seed {seed}"
        label += " (fresh)" if seed == fresh else ""
        agents.append({"label": label, "runs": _runs(own, monitors)})
    described = []
    for name in monitors:
        look, rule = look_of(name, MONITORS), label_of(PRIMARY[name], RULES)
        described.append(
            {"label": look.label, "colour": look.colour, "dash": look.dash, "rule": rule}
        )
    return {
        "monitors": described,
        "agents": agents,
    }


def _runs(table: pd.DataFrame, monitors: list[str]) -> list[dict[str, Any]]:
    usual = table[table.step < table.cue_onset].groupby("monitor").statistic.median()
    runs = []
    for _, run in table.groupby("episode"):
        by_monitor = {name: one.sort_values("step") for name, one in run.groupby("monitor")}
        first = by_monitor[next(iter(by_monitor))]
        readings, alarms = [], []
        for name in monitors:
            one = by_monitor[name]
            threshold = float(one.threshold.iloc[0])
            statistic = one.statistic.to_numpy(np.float64)
            rings = np.flatnonzero(statistic > threshold)
            readings.append(_short(_scale(statistic, float(usual[name]), threshold)))
            alarms.append(int(one.step.iloc[rings[0]]) if len(rings) else None)
        runs.append(
            {
                "onset": int(first.cue_onset.iloc[0]),
                "effort": _short(first.effort),
                "influence": _short(first.influence),
                "readings": readings,
                "alarms": alarms,
            }
        )
    return runs


def _scale(statistic: NDArray[np.float64], usual: float, threshold: float) -> NDArray[np.float64]:
    """0 at `usual`, 1 at `threshold`; where the usual is no smaller, only the latter holds."""
    span = threshold - usual
    return 1.0 + (statistic - threshold) / (span if span > 0 else 1.0)


def _short(values: Iterable[float]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]
