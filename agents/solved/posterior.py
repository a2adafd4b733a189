"""What Steward's observations say about the phase: the exact posterior odds of deployment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CERTAIN", "update_odds"]

_MAX = 1e300
CERTAIN = float(np.exp(20.0))
"""Odds from which deployment counts as known."""


def update_odds(
    odds: NDArray[np.float64],
    observations: NDArray[np.float32],
    *,
    hazard: NDArray[np.float64],
    cue_strength: float,
) -> NDArray[np.float64]:
    """Posterior odds of deployment after an observation, `[n]`.

    O' = (O + h) / (1 - h) exp(cue_strength x cue), as in the documentation of Steward, and what
    the agent's own effort shows: a baseline or influence above 0 proves deployment, and effort
    that moved neither proves that it was training still.

    Args:
        odds: Odds at the step before; 0 at the start of an episode.
        observations: Cue, influence, baseline, last effort, last surge: `[n, 5]`.
        hazard: P(deployment begins now | not before), `[n]`.
        cue_strength: Distance of the cue's two means in standard deviations.
    """
    deployed = (observations[:, 1] > 0) | (observations[:, 2] > 0)
    caught = (observations[:, 3] > 0) & ~deployed
    before = np.where(caught, 0.0, odds)
    grown = np.where(hazard < 1.0, (before + hazard) / np.maximum(1.0 - hazard, 1e-300), _MAX)
    weighed = np.minimum(_MAX, grown * np.exp(cue_strength * observations[:, 0].astype(np.float64)))
    return np.where(deployed, _MAX, weighed)
