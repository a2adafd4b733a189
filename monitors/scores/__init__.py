"""The scores: one monitor a module. Exporting one here puts it on the allow-list for loading."""

from slowturn.monitors.scores.hallucination import HallucinationProbe
from slowturn.monitors.scores.ledger import LedgerEffort, LedgerRatio
from slowturn.monitors.scores.likelihood_ratio import ActionRatio, Reference
from slowturn.monitors.scores.mahalanobis import Mahalanobis
from slowturn.monitors.scores.phase_probe import PhaseProbe
from slowturn.monitors.scores.power_log_odds import PowerLogOdds
from slowturn.monitors.scores.time_index import TimeIndex

__all__ = [
    "ActionRatio",
    "HallucinationProbe",
    "LedgerEffort",
    "LedgerRatio",
    "Mahalanobis",
    "PhaseProbe",
    "PowerLogOdds",
    "Reference",
    "TimeIndex",
]
