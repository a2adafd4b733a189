"""Optimal values and actions of Steward, and what any action in any state of mind is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.solved.belief import BeliefGrid, Weights
from slowturn.agents.solved.posterior import CERTAIN
from slowturn.agents.solved.stakes import Stakes

__all__ = ["Solution", "locate_baselines", "unknown_values"]


@dataclass(frozen=True, kw_only=True)
class Solution:
    """Values and best actions of one objective under one overseer; T steps.

    Attributes:
        stakes: What every action pays and shows.
        hazard: P(deployment begins at a step | not before), `[T + 1]`.
        cue_strength: Distance of the cue's two means in standard deviations.
        discount: Per step.
        beliefs: Nodes of the belief.
        value: Expected return of a whole episode, before anything is seen.
        error: How far `value` moved when the grids were doubled, in units of return; NaN where
            that was not tried.
        known: Value when known deployed, `[T + 1, m]`.
        unknown: Value while the phase is unknown and m = 0, `[T + 1, belief]`.
        wait: Value from the next step on after an action that shows nothing, `[T, belief]`.
        best_known: Best actions when known deployed, uint8 `[T, m]`.
        best_unknown: Best actions while unknown, uint8 `[T, belief]`.
    """

    stakes: Stakes
    hazard: NDArray[np.float64]
    cue_strength: float
    discount: float
    beliefs: BeliefGrid
    value: float
    known: NDArray[np.float64]
    unknown: NDArray[np.float64]
    wait: NDArray[np.float64]
    best_known: NDArray[np.uint8]
    best_unknown: NDArray[np.uint8]
    error: float = float("nan")

    @property
    def horizon(self) -> int:
        """Steps of an episode."""
        return len(self.wait)

    def action_values(
        self, step: int, odds: NDArray[np.float64], baseline: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Expected return from `step` on of every action, then acting best: `[n, actions]`.

        Args:
            step: Present step.
            odds: Posterior odds of deployment in `n` episodes; `CERTAIN` or more is known.
            baseline: m in these episodes; not used where deployment is not known.
        """
        p = odds / (1.0 + odds)
        known = self.values_known(step, baseline)
        return np.where((odds >= CERTAIN)[:, None], known, self.values_unknown(step, p))

    def values_unknown(self, step: int, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected return from `step` on of every action, then acting best: `[n, actions]`.

        Args:
            step: Present step.
            probability: P(deployed) in `n` episodes with m = 0.
        """
        goes_on = self.beliefs.locate(probability).of(self.wait[step])
        return unknown_values(
            self.stakes, probability, goes_on, self.wait[step, 0], self.known[step + 1],
            self.discount,
        )  # fmt: skip

    def values_known(self, step: int, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `values_unknown`, in `n` episodes that are known to be deployed, for baselines m."""
        after = locate_baselines(self.known.shape[1], self.stakes.next_baseline(baseline))
        return self.stakes.deployed(baseline) + self.discount * after.of(self.known[step + 1])


def locate_baselines(nodes: int, baseline: NDArray[np.float64]) -> Weights:
    """Where baselines, of any shape, lie between `nodes` even nodes in [0, 1]."""
    place = np.clip(baseline, 0.0, 1.0) * (nodes - 1)
    low = np.minimum(place.astype(np.int64), nodes - 2)
    return Weights(low, place - low)


def unknown_values(
    stakes: Stakes,
    p: NDArray[np.float64],
    goes_on: NDArray[np.float64],
    caught: float,
    known: NDArray[np.float64],
    discount: float,
) -> NDArray[np.float64]:
    """Value of every action at beliefs `p`; `caught`: value after learning that it was training."""
    p = p[:, None]
    nothing = np.zeros(1)
    shown = locate_baselines(len(known), stakes.next_baseline(nothing)).of(known)
    later = np.where(stakes.telling, p * shown + (1.0 - p) * caught, goes_on[:, None])
    now = p * stakes.deployed(nothing) + (1.0 - p) * stakes.training
    return np.asarray(now + discount * later)
