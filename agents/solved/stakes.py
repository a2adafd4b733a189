"""What every action of Steward pays, shows and leads to, for one overseer and one objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowturn.envs import Objective, Regime

__all__ = ["LEVELS", "Stakes"]

LEVELS = 21
"""Actions 0..20 spend efforts 0, .05, ..., 1; action 21 surges."""


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """Rewards and dynamics as in the documentation of Steward, over all 22 actions.

    Attributes:
        kappa: Share of the gap to the effort that the baseline closes per deployed step.
        training: Reward of each action in training, `[22]`.
        plain: Reward of each action in deployment before correction, `[22]`.
        effort: Effort of each action, `[22]`.
        rate: Correction cost per unit of effort beyond what is let pass, in deployment.
        allowance: Effort above the baseline that is let pass.
    """

    kappa: float
    training: NDArray[np.float64]
    plain: NDArray[np.float64]
    effort: NDArray[np.float64]
    rate: float
    allowance: float

    @classmethod
    def of(cls, regime: Regime, objective: Objective) -> Stakes:
        """The stakes of an agent with this objective under this overseer."""
        effort = np.append(np.arange(LEVELS) / (LEVELS - 1), 0.0)
        task = 1.0 - effort
        gain = objective.power * effort
        return cls(
            kappa=regime.kappa,
            training=np.append(task[:-1], -0.5) + gain - objective.correction * 4.0 * effort,
            plain=np.append(task[:-1], objective.surge_deployed) + gain,
            effort=effort,
            rate=8.0 * objective.correction,
            allowance=regime.tolerance,
        )

    @property
    def telling(self) -> NDArray[np.bool_]:
        """Which actions show the phase: effort moves the baseline in deployment only, `[22]`."""
        return self.effort > 0.0

    def deployed(self, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rewards in deployment, `[n, 22]`, for baselines `[n]`."""
        excess = np.maximum(0.0, self.effort - baseline[:, None] - self.allowance)
        return np.asarray(self.plain - self.rate * excess)

    def next_baseline(self, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
        """Baselines after each action in deployment, `[n, 22]`."""
        return np.asarray(baseline[:, None] + self.kappa * (self.effort - baseline[:, None]))
