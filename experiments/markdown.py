"""Tables in Markdown, for terminals and the README."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["interval", "markdown"]


def markdown(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table in Markdown, floats to three digits.

    Example:
        >>> print(markdown(["who", "share"], [["a", 0.12345], ["b", 7]]))
        | who | share |
        | --- | --- |
        | a | 0.123 |
        | b | 7 |
    """
    heads = list(heads)
    texts = ([f"{v:.3g}" if isinstance(v, float) else str(v) for v in row] for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *texts))


def interval(row: Mapping[Any, Any], name: str, form: str = ".2f") -> str:
    """The columns `name`, `name_low` and `name_high` of a row as one cell; `-` where undefined.

    Example:
        >>> interval({"share": 0.5, "share_low": 0.25, "share_high": 1.0}, "share")
        '0.50 [0.25, 1.00]'
    """
    value, low, high = (row.get(f"{name}{end}", math.nan) for end in ("", "_low", "_high"))
    return "-" if math.isnan(value) else f"{value:{form}} [{low:{form}}, {high:{form}}]"
