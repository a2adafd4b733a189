"""The exceptions this room raises."""

from __future__ import annotations

__all__ = ["ExperimentError", "Interrupted"]


class ExperimentError(ValueError):
    """An experiment was asked for something it does not allow."""


class Interrupted(RuntimeError):
    """A run stopped on request; its message says what is kept and how to go on."""
