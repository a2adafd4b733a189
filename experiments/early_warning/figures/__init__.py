"""Figures of the early-warning claim: tables in, a figure out; only `save_figures` writes."""

from slowturn.experiments.early_warning.figures.lead import GOOD_SHARE
from slowturn.experiments.early_warning.figures.panels import (
    FIGURES,
    alarm_curves,
    drift,
    lead_against_accusations,
    save_figures,
    states,
)

__all__ = [
    "FIGURES",
    "GOOD_SHARE",
    "alarm_curves",
    "drift",
    "lead_against_accusations",
    "save_figures",
    "states",
]
