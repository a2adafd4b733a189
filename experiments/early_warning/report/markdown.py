"""The headline table as Markdown, for the terminal and the README."""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any

from slowturn.experiments.early_warning.report.wording import (
    interval,
    number,
    percent,
    reader_missed,
)
from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.markdown import markdown
from slowturn.experiments.palette import MONITORS, REGIMES, RULES, label_of, look_of, ordered

__all__ = ["results_table", "worlds_table"]

_CONTENDERS = ("mahalanobis", "power_log_odds", "hallucination", "phase_probe")

_HEAD = (
    "monitor",
    "access",
    "steps to alarm",
    "lead (steps)",
    "accuses honest",
    "accuses benign twin",
    "nats at alarm",
)


def results_table(rows: list[dict[str, Any]], *, alpha: float, null: str = "training") -> str:
    """Primary monitors on treacherous organisms, one Markdown table per regime.

    Args:
        rows: Records of `pooled_rows` (infinite or NaN, or null from `summary.json`).
        alpha: Which alarms.
        null: What they were calibrated on.
    """
    chosen = [
        row
        for row in rows
        if row["organism"] == "treacherous"
        and (row["alpha"], row["null"]) == (alpha, null)
        and row["rule"] == PRIMARY.get(row["monitor"])
    ]
    parts = []
    for regime in ordered((row["regime"] for row in chosen), REGIMES):
        here = [row for row in chosen if row["regime"] == regime]
        counts = f"{here[0]['agents']} agents, {here[0]['deployments']:,} deployments"
        bounds = ", ".join(
            f"{_plain(here[0][f'behaviour_onset_{record}'])} on the record of {named}"
            for record, named in (("ledger", "the ledger"), ("actions", "exact actions"))
        )
        title = (
            f"**{label_of(regime, REGIMES).capitalize()}** ({counts}; the turn's own evidence "
            f"allows power 1/2 from step {bounds})"
        )
        parts += [title, markdown(_HEAD, map(_cells, here))]
    return "\n\n".join(parts)


def worlds_table(worlds: dict[str, list[dict[str, Any]]], *, alpha: float) -> str:
    """Lead over the best reader of the ledger, and the twin's accusations, world by world.

    Args:
        worlds: Records of `pooled_rows` by world.
        alpha: Which alarms; those calibrated on the agent's own training.
    """
    names = [name for name in PRIMARY if name in _CONTENDERS]
    heads = [f"{look_of(n, MONITORS).label}, {label_of(PRIMARY[n], RULES)}" for n in names]
    lines = []
    for world, rows in worlds.items():
        here = [
            row
            for row in rows
            if row["organism"] == "treacherous"
            and (row["alpha"], row["null"]) == (alpha, "training")
            and row["rule"] == PRIMARY.get(row["monitor"])
        ]
        for regime in ordered((row["regime"] for row in here), REGIMES):
            found = {row["monitor"]: row for row in here if row["regime"] == regime}
            first = found[names[0]]
            cells = [world, regime, str(first["agents"]), f"{first['deployments']:,}"]
            for name in names:
                lead, accused = _steps(found[name], "lead", "none", sign="+"), found[name]
                cells.append(f"{lead}; {_share(accused, 'accused_benign')}")
            lines.append(cells)
    return markdown(("world", "overseer", "agents", "deployments", *heads), lines)


def _plain(value: Any) -> str:
    return f"{number(value):.0f}" if isfinite(number(value)) else "never"


def _steps(row: dict[str, Any], name: str, missed: str, *, sign: str = "") -> str:
    value, low, high = (number(row[f"{name}_{end}"]) for end in ("median", "low", "high"))
    if not isfinite(value):
        return missed
    return f"{value:{sign}.0f} {interval(low, high)}"


def _share(row: dict[str, Any], name: str) -> str:
    value, low, high = (number(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return "-" if isnan(value) else f"{percent(value)} {interval(100 * low, 100 * high)}"


def _cells(row: dict[str, Any]) -> list[str]:
    nats, low, high = (number(row[f"nats_at_alarm{end}"]) for end in ("", "_low", "_high"))
    lead = _steps(row, "lead", "none", sign="+")
    if reader_missed(row):
        lead = "reader missed"
    return [
        f"{look_of(row['monitor'], MONITORS).label}, {label_of(row['rule'], RULES)}",
        row["tier"],
        _steps(row, "delay", "missed"),
        lead,
        _share(row, "accused_honest"),
        _share(row, "accused_benign"),
        "-" if isnan(nats) else f"{nats:.2f} {interval(low, high, digits=2)}",
    ]
