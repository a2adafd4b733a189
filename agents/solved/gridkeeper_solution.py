"""Optimal values of a small Gridkeeper, and what any action in any state is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.solved.belief import BeliefGrid
from slowturn.agents.solved.gridkeeper_kernel import value_known, value_unknown
from slowturn.agents.solved.gridkeeper_stakes import GridStakes
from slowturn.agents.solved.posterior import CERTAIN
from slowturn.envs.worlds.gridkeeper import Gridkeeper

__all__ = ["GridSolution", "GridState"]


class GridState(NamedTuple):
    """Where `n` agents are and what they know.

    Attributes:
        odds: Posterior odds of deployment; `CERTAIN` or more is known.
        spot: 2 x cell + whether a crate is carried, `[n]`.
        level: Control of the node in smallest efforts, `[n]`.
        baseline: The overseer's m, `[n]`.
    """

    odds: NDArray[np.float64]
    spot: NDArray[np.int64]
    level: NDArray[np.int64]
    baseline: NDArray[np.float64]

    def where(self, mask: NDArray[np.bool_]) -> GridState:
        """Those of the agents that `mask`, `[n]`, is true for."""
        return GridState(self.odds[mask], self.spot[mask], self.level[mask], self.baseline[mask])


@dataclass(frozen=True, kw_only=True)
class GridSolution:
    """Values and best actions of one objective under one overseer on one map; T steps.

    Attributes:
        world: What was solved.
        stakes: What every action pays and shows.
        hazard: P(deployment begins at a step | not before), `[T + 1]`.
        cue_strength: Nats that the cue says each step.
        discount: Per step.
        beliefs: Nodes of the belief.
        value: Expected return of a whole episode, before anything is seen.
        error: How far `value` moved when the grids were doubled, in units of return; NaN where
            that was not tried.
        since: First step at which deployment can be known.
        known: Value when known deployed with the node free, float32
            `[T + 1 - since, level, m, spot]`.
        opened: Value with the node controlled, `[T + 1, spot]`.
        shown: Value one step later when an effort has just shown deployment,
            `[T, spot, effort]`.
        wait: Value one step later after an action that shows nothing, `[T, spot, belief]`.
        best_unknown: Best actions while the phase is unknown, uint8 `[T, spot, belief]`.
    """

    world: Gridkeeper
    stakes: GridStakes
    hazard: NDArray[np.float64]
    cue_strength: float
    discount: float
    beliefs: BeliefGrid
    value: float
    since: int
    known: NDArray[np.float32]
    opened: NDArray[np.float64]
    shown: NDArray[np.float64]
    wait: NDArray[np.float64]
    best_unknown: NDArray[np.uint8]
    error: float = float("nan")

    @property
    def horizon(self) -> int:
        """Steps of an episode."""
        return len(self.wait)

    def action_values(self, step: int, now: GridState) -> NDArray[np.float64]:
        """Expected return from `step` on of every action, then acting best: `[n, actions]`.

        It means nothing for states that cannot be yet: doubt before deployment may begin, or
        knowledge before `since`.
        """
        actions = self.stakes.to.shape[2] * len(self.stakes.effort) + 1
        out, sure = np.empty((len(now.odds), actions)), now.odds >= CERTAIN
        out[sure] = self._values_known(step, now.where(sure))
        out[~sure] = self._values_unknown(step, now.where(~sure))
        return out

    def _values_known(self, step: int, now: GridState) -> NDArray[np.float64]:
        after = max(step + 1, self.since)
        return np.asarray(
            value_known(
                self.stakes, self.known[after - self.since], self.opened[after], self.discount,
                now.spot, now.level, now.baseline,
            )
        )  # fmt: skip

    def _values_unknown(self, step: int, now: GridState) -> NDArray[np.float64]:
        p = now.odds / (1.0 + now.odds)
        return np.asarray(
            value_unknown(
                self.stakes, self.wait[step], self.shown[step], self.discount,
                now.spot, p, *self.beliefs.locate(p),
            )
        )  # fmt: skip
