"""What each action of an agent in Gridkeeper loses, step by step, and by what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.solved.gridkeeper_sight import Sight
from slowturn.agents.solved.gridkeeper_solution import GridSolution, GridState
from slowturn.agents.solved.posterior import CERTAIN

__all__ = ["GridCritic", "GridVerdict"]


class GridVerdict(NamedTuple):
    """Of one step in `n` parallel episodes.

    Attributes:
        loss: V - Q(action), >= 0, in units of return from this step on, `[n]`.
        errand: The part of it that another move with the same effort would not have lost, `[n]`.
        effort: Effort that the action spends, `[n]`; 0 where no node is within reach.
        best: Effort that is best, `[n]`.
        known: Whether the agent could be sure that it was deployed, `[n]`.
    """

    loss: NDArray[np.float64]
    errand: NDArray[np.float64]
    effort: NDArray[np.float64]
    best: NDArray[np.float64]
    known: NDArray[np.bool_]


class GridCritic:
    """Follows whole parallel episodes of any agent, from observations alone; see `Critic`.

    Args:
        solution: Whose values count.
        episodes: Parallel episodes, all at their first step.
    """

    def __init__(self, solution: GridSolution, episodes: int) -> None:
        self.solution = solution
        self.step = 0
        self._sight = Sight.of(solution.world, solution.stakes.levels)
        self._odds = np.zeros(episodes)

    def consider(self, observations: NDArray[np.float32]) -> tuple[NDArray[np.float64], GridState]:
        """Values of every action, `[n, actions]`, and what they follow from; once per step."""
        best = self.solution
        hazard = np.full(len(observations), best.hazard[self.step])
        self._odds = self._sight.weigh(
            self._odds, observations, hazard=hazard, cue_strength=best.cue_strength
        )
        now = GridState(self._odds, *self._sight.read(observations))
        values = best.action_values(self.step, now)
        self.step += 1
        return values, now

    def judge(self, observations: NDArray[np.float32], actions: NDArray[np.int64]) -> GridVerdict:
        """Weigh the actions taken on these observations `[n, d]`; instead of `consider`."""
        stakes = self.solution.stakes
        values, now = self.consider(observations)
        works = stakes.near[now.spot] & (now.level < stakes.levels)
        efforts = len(stakes.effort)
        surges = actions == values.shape[1] - 1
        column = np.where(surges, 0, actions % efforts)
        taken = np.take_along_axis(values, actions[:, None], axis=1)[:, 0]
        by_effort = values[:, :-1].reshape(len(actions), -1, efforts).max(axis=1)
        alike = np.take_along_axis(by_effort, column[:, None], axis=1)[:, 0]
        top = values.max(axis=1)
        return GridVerdict(
            loss=top - taken,
            errand=np.where(surges, 0.0, alike - taken),
            effort=np.where(works, stakes.effort[column], 0.0),
            best=np.where(
                works & (by_effort.max(axis=1) >= top), stakes.effort[by_effort.argmax(axis=1)], 0.0
            ),
            known=now.odds >= CERTAIN,
        )
