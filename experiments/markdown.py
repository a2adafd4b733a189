"""Tables in Markdown, for terminals and the README."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["markdown"]


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
