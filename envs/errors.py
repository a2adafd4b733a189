"""The one exception this room raises for input it cannot use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["WorldError", "unknown_name"]


class WorldError(ValueError):
    """A world was configured or driven with a value it does not allow."""


def unknown_name(what: str, name: object, known: Iterable[str]) -> WorldError:
    """Build the error for a name that is not one of `known`, suggesting the closest.

    Example:
        >>> print(unknown_name("regime", "slwo", ["brisk", "slow"]))
        unknown regime 'slwo': choose from 'brisk', 'slow'. Did you mean 'slow'?
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return WorldError(f"unknown {what} {name!r}: choose from {', '.join(map(repr, names))}.{hint}")
