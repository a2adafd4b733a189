"""The exceptions this room raises for input it cannot use."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["ArtefactError", "OrganismError", "TrainingInterrupted", "unknown_name"]


class OrganismError(ValueError):
    """An organism, recipe or training run was asked for something it does not allow."""


class ArtefactError(OrganismError):
    """A saved organism or checkpoint is incomplete, altered or meant for something else."""


class TrainingInterrupted(RuntimeError):
    """Training stopped on request, after saving a checkpoint from which it can be resumed."""


def unknown_name(what: str, name: object, known: Iterable[str]) -> OrganismError:
    """Build the error for a name that is not one of `known`, suggesting the closest."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return OrganismError(
        f"unknown {what} {name!r}: choose from {', '.join(map(repr, names))}.{hint}"
    )
