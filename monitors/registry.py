"""Exported monitors and rules by name, in the order of tables and figures."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import Any, cast

from slowturn.monitors import rules, scores
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.rules import Rule

__all__ = ["MONITORS", "RULES"]

_MONITOR_ORDER = (
    "time_index",
    "ledger",
    "ledger_ratio",
    "action_ratio",
    "mahalanobis",
    "power_log_odds",
    "hallucination",
    "phase_probe",
)
_RULE_ORDER = ("maximum", "ewma", "cusum")


def _exported(module: ModuleType, kind: type, order: Sequence[str]) -> dict[str, Any]:
    """Concrete subclasses of `kind` exported by a module; those without a place come last."""
    found: dict[str, Any] = {}
    for item in (getattr(module, name) for name in module.__all__):
        if isinstance(item, type) and issubclass(item, kind) and not inspect.isabstract(item):
            found[cast("Any", item).name] = item
    placed = [name for name in order if name in found]
    return {name: found[name] for name in [*placed, *sorted(set(found) - set(placed))]}


MONITORS: dict[str, type[Monitor]] = _exported(scores, Monitor, _MONITOR_ORDER)
RULES: dict[str, type[Rule]] = _exported(rules, Rule, _RULE_ORDER)
