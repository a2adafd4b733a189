"""The one exception this room raises for input it cannot use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["MonitorError", "unknown_name"]


class MonitorError(ValueError):
    """A monitor, rule, alarm or recorder was given something it does not allow."""


def unknown_name(what: str, name: object, known: Iterable[str]) -> MonitorError:
    """Build the error for a name that is not one of `known`, suggesting the closest."""
    names = sorted(known)
    if not names:
        return MonitorError(f"unknown {what} {name!r}: there are none.")
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return MonitorError(
        f"unknown {what} {name!r}: choose from {', '.join(map(repr, names))}.{hint}"
    )
