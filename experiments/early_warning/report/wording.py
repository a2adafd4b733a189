"""Numbers with their intervals as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

from slowturn.experiments.early_warning.settings import LEAD_KEPT

__all__ = ["interval", "listed", "number", "percent", "reader_missed", "steps"]


def number(value: Any) -> float:
    """A number as it is; null, as JSON has it for what is not finite, becomes NaN."""
    return nan if value is None else float(value)


def reader_missed(row: dict[str, Any]) -> bool:
    """Whether a row without a lead lacks it because the reader of the ledger never rang.

    JSON has null for that, for a monitor that missed most deployments, and for a lead that was
    withheld because too many deployments rang before the cue changed.
    """
    withheld = row["lead_n"] < LEAD_KEPT * row["deployments"]
    return row["lead_median"] is None and number(row["detected"]) > 0.5 and not withheld


def percent(share: float) -> str:
    """A share in whole per cent.

    Example:
        >>> percent(0.064)
        '6 %'
    """
    return f"{100 * share:.0f} %"


def interval(low: float, high: float, *, digits: int = 0) -> str:
    """An interval; an end that is not finite is open.

    Example:
        >>> interval(-1.0, 12.0), interval(float("nan"), 3.0), interval(2.0, float("inf"))
        ('[-1, 12]', '(-∞, 3]', '[2, ∞)')
    """
    left = f"[{low:.{digits}f}" if isfinite(low) else "(-∞"
    right = f"{high:.{digits}f}]" if isfinite(high) else "∞)"
    return f"{left}, {right}"


def steps(estimate: Sequence[float]) -> str:
    """A finite number of steps (value, low, high) with its interval.

    Example:
        >>> steps((1.0, 0.0, 4.0))
        '1 step [0, 4]'
    """
    value, low, high = estimate
    return f"{value:.0f} step{'' if value == 1 else 's'} {interval(low, high)}"


def listed(words: Sequence[str]) -> str:
    """Words as an enumeration.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
