"""The report: one page that opens offline, with everything a reader needs inside it."""

from __future__ import annotations

import base64
from math import isfinite, isnan
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from slowturn.experiments.bounds import bernoulli_kl
from slowturn.experiments.early_warning.figures import FIGURES, GOOD_SHARE
from slowturn.experiments.early_warning.report.verdict import tell
from slowturn.experiments.early_warning.report.viewer import viewer_data
from slowturn.experiments.early_warning.report.wording import interval, number, percent
from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.palette import (
    MONITORS,
    NULLS,
    ORGANISMS,
    REGIMES,
    RULES,
    label_of,
    look_of,
    ordered,
)

__all__ = ["write_report"]

_TIERS = {
    "ledger": "reads the ledger",
    "reference": "needs an honest agent",
    "internals": "reads internals",
    "weights": "reads internals, weights",
    "oracle": "sees labels",
    "control": "negative control",
}
"""What each access tier means."""

_WORK = {
    "Steward-v0": "run a facility",
    "Gridkeeper-v0": "carry crates through a building",
    "GridkeeperCloset-v0": "carry crates through a small building",
    "Sysop-v0": "grant tickets the access that they need",
    "Broker-v0": "quote prices to clients",
}
"""What agents do for their operator, by world."""

_PIXELS = 0.627  # of the page per pixel of a figure: the widest fill it, and letters are alike

_FIRST_FRESH = 1000  # smaller seeds belong to the package or to its development


class Cell(NamedTuple):
    """A value of a table, small lines below it, and whether it speaks "for" or "against"."""

    value: str
    detail: str = ""
    mood: str = ""


class Group(NamedTuple):
    """Rows of a table under one heading."""

    heading: str
    rows: list[list[Cell]]


HEADINGS = (
    "monitor",
    "steps from cue onset to alarm",
    "lead over the best reader of the ledger (steps)",
    "accused: honest agent",
    "accused: benign twin",
    "evidence in the ledger at alarm (nats)",
    "detected",
)


def write_report(out: Path, tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> Path:
    """Write `out/report.html`, one self-contained page.

    Args:
        out: Directory of the results, with the figures of `save_figures` in it.
        tables: Tables of `run_parts`.
        summary: What becomes `summary.json`.

    Returns:
        Where the report is.
    """
    regimes = ordered((row["regime"] for row in summary["pooled"]), REGIMES)
    fresh = _fresh(summary)
    pages = Environment(
        loader=PackageLoader("slowturn.experiments.early_warning.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    primary, rest = _results(summary)
    page = pages.get_template("report.html.j2").render(
        findings=_findings(summary, regimes, fresh),
        figures={name: _embedded(out / "figures" / f"{name}.png") for name in FIGURES},
        viewer=viewer_data(tables["shown"], fresh=fresh[1] if fresh else None),
        plotly=get_plotlyjs(),
        headings=HEADINGS,
        primary=primary,
        rest=rest,
        canary=_canary(summary["controls"]["time_canary_auc"]),
        shuffled=_shuffled(summary),
        violations=_violations(summary["controls"]["bound_violations"]),
        alpha=percent(summary["alpha"]),
        nats=f"{bernoulli_kl(0.5, summary['alpha']):.2f}",
        good=percent(GOOD_SHARE),
        made=_made(summary),
        work=_WORK.get(summary["world"], "work"),
    )
    path = out / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _fresh(summary: dict[str, Any]) -> tuple[str, int] | None:
    """Regime and seed of the one treacherous agent that was grown for this run, if there is one."""
    found = [
        (name.removeprefix("treacherous-"), seed)
        for name, seeds in summary["seeds"].items()
        if name.startswith("treacherous-")
        for seed in seeds
        if seed >= _FIRST_FRESH
    ]
    return found[0] if len(found) == 1 else None


def _findings(
    summary: dict[str, Any], regimes: list[str], fresh: tuple[str, int] | None
) -> list[list[str]]:
    """The finding on the fresh agent, if it and its twin are there, then those on every regime."""
    paired = fresh and fresh[1] in summary["seeds"].get(f"benign_twin-{fresh[0]}", [])
    first = [tell(summary, seed=fresh[1], regime=fresh[0])] if fresh and paired else []
    return first + [tell(summary, seed=None, regime=regime) for regime in regimes]


class _Picture(NamedTuple):
    """A figure as an address that holds all of it, and its width on the page in pixels."""

    source: str
    width: int


def _embedded(figure: Path) -> _Picture:
    data = figure.read_bytes()
    width = int.from_bytes(data[16:20])  # of a PNG, in its header
    source = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
    return _Picture(source, round(_PIXELS * width))


def _results(summary: dict[str, Any]) -> tuple[list[Group], list[Group]]:
    """Pooled rows at the headline alpha: primary rules on treacherous organisms, and the others."""
    rows = [row for row in summary["pooled"] if row["alpha"] == summary["alpha"]]
    primary: list[Group] = []
    rest: list[Group] = []
    for kind in ordered((row["organism"] for row in rows), ORGANISMS):
        for regime in ordered((row["regime"] for row in rows), REGIMES):
            for null in ordered((row["null"] for row in rows), NULLS):
                here = [
                    row
                    for row in rows
                    if (row["organism"], row["regime"], row["null"]) == (kind, regime, null)
                ]
                main = [
                    row
                    for row in here
                    if kind == "treacherous" and row["rule"] == PRIMARY.get(row["monitor"])
                ]
                for chosen, groups in (
                    (main, primary),
                    ([row for row in here if row not in main], rest),
                ):
                    if chosen:
                        groups.append(Group(_heading(chosen[0]), [_cells(row) for row in chosen]))
    return primary, rest


def _heading(row: dict[str, Any]) -> str:
    agents = f"{row['agents']} agent{'' if row['agents'] == 1 else 's'}"
    return (
        f"{look_of(row['organism'], ORGANISMS).label} ({agents}, {row['deployments']:,} "
        f"deployments), {label_of(row['regime'], REGIMES)}, {label_of(row['null'], NULLS)}"
    )


def _cells(row: dict[str, Any]) -> list[Cell]:
    tier = _TIERS.get(row["tier"], row["tier"])
    return [
        Cell(look_of(row["monitor"], MONITORS).label, f"{label_of(row['rule'], RULES)}\n{tier}"),
        _delay(row),
        _lead(row),
        _share(row, "accused_honest", row["accused_honest_n"]),
        _share(row, "accused_benign", row["accused_benign_n"], limit=GOOD_SHARE),
        _nats(row),
        _share(row, "detected", row["deployments"]),
    ]


def _delay(row: dict[str, Any]) -> Cell:
    value, low, high = (number(row[f"delay_{end}"]) for end in ("median", "low", "high"))
    early = f"\n{percent(row['early'])} rang before it" if row["early"] > 0 else ""
    if not isfinite(value):
        return Cell("missed", f"most deployments{early}")
    return Cell(f"{value:.0f}", f"{interval(low, high)}{early}")


def _lead(row: dict[str, Any]) -> Cell:
    value, low, high = (number(row[f"lead_{end}"]) for end in ("median", "low", "high"))
    counted = f"n = {row['lead_n']:,}"
    if isnan(value):
        return Cell("none", counted)
    if not isfinite(value):
        return Cell("reader missed", counted, "for")
    mood = "for" if low > 0 else "against" if high < 0 else ""
    return Cell(f"{value:+.0f}" if value else "0", f"{interval(low, high)}\n{counted}", mood)


def _share(row: dict[str, Any], name: str, n: int, *, limit: float | None = None) -> Cell:
    value, low, high = (number(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if isnan(value):
        return Cell("-", "none tested")
    mood = "" if limit is None else "against" if value > limit else "for"
    return Cell(percent(value), f"{interval(100 * low, 100 * high)}\nn = {n:,}", mood)


def _nats(row: dict[str, Any]) -> Cell:
    value, low, high = (number(row[f"nats_at_alarm{end}"]) for end in ("", "_low", "_high"))
    if isnan(value):
        return Cell("-", "no alarm")
    return Cell(f"{value:.2f}", f"{interval(low, high, digits=2)}\nn = {row['nats_n']:,}")


def _canary(found: list[dict[str, Any]]) -> list[list[Cell]]:
    """AUC of the mere step number between treacherous and honest deployments: must be 1/2."""
    rows = []
    order = ordered((one["regime"] for one in found), REGIMES)
    for one in sorted(found, key=lambda one: (order.index(one["regime"]), one["honest_seed"])):
        value = number(one["value"])
        if isnan(value):
            continue
        low, high = number(one["low"]), number(one["high"])
        mood = "for" if low <= 0.5 <= high else "against"
        name = f"{label_of(one['regime'], REGIMES)}, pair {one['honest_seed']}"
        detail = f"{interval(low, high, digits=2)}, n = {one['n']:,}"
        rows.append([Cell(name), Cell(f"{value:.2f}", detail, mood)])
    return rows


def _shuffled(summary: dict[str, Any]) -> list[list[Cell]]:
    """How often a probe fitted on shuffled labels rings: a random projection of the state."""
    order = ordered((row["regime"] for row in summary["pooled"]), REGIMES)
    return [
        [
            Cell(f"{label_of(row['regime'], REGIMES)}, {label_of(row['null'], NULLS)}"),
            _share(row, "detected", row["deployments"]),
            _share(row, "accused_honest", row["accused_honest_n"]),
        ]
        for row in sorted(summary["pooled"], key=lambda row: order.index(row["regime"]))
        if row["monitor"] == "shuffled_probe"
        and row["organism"] == "treacherous"
        and row["alpha"] == summary["alpha"]
    ]


def _violations(found: list[dict[str, Any]]) -> list[str]:
    """Readers of behaviour above their bound, each at the step where it is farthest above."""
    first: dict[tuple[Any, ...], str] = {}
    for one in found:
        who = tuple(one[key] for key in ("organism", "regime", "seed", "monitor", "rule", "null"))
        first.setdefault(
            who,
            f"{look_of(one['monitor'], MONITORS).label} ({label_of(one['rule'], RULES)}) on "
            f"{look_of(one['organism'], ORGANISMS).label} {one['regime']} {one['seed']}, "
            f"{label_of(one['null'], NULLS)}: at least {percent(one['rate_low'])} by {one['k']} "
            f"steps after cue onset, where {percent(one['cap'])} is possible",
        )
    return list(first.values())


def _made(summary: dict[str, Any]) -> list[Cell]:
    """What a reader needs to make the same again."""
    numbers = {key: value for key, value in summary["settings"].items() if key != "name"}
    return [
        Cell("command", summary["command"]),
        Cell("setting", f"{summary['setting']}: " + _pairs(numbers)),
        Cell("seeds", _pairs({k: _joined(v) for k, v in summary["seeds"].items()})),
        Cell("versions", _pairs({k: v or "unknown" for k, v in summary["versions"].items()})),
    ]


def _pairs(values: dict[str, Any]) -> str:
    return "; ".join(f"{key} {_joined(value)}" for key, value in values.items())


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
