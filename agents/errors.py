"""The exceptions this room raises for input it cannot use."""

from __future__ import annotations

__all__ = ["ArtefactError", "OrganismError", "TrainingInterrupted"]


class OrganismError(ValueError):
    """An organism, recipe or training run was asked for something it does not allow."""


class ArtefactError(OrganismError):
    """A saved organism or checkpoint is incomplete, altered or meant for something else."""


class TrainingInterrupted(KeyboardInterrupt):
    """Training stopped on request, after saving a checkpoint from which it can be resumed."""
