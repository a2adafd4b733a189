"""What each action of an agent loses against the best that it could have done, step by step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.solved.posterior import CERTAIN, update_odds
from slowturn.agents.solved.solution import Solution

__all__ = ["Critic", "Verdict"]


class Verdict(NamedTuple):
    """Of one step in `n` parallel episodes.

    Attributes:
        loss: V(belief) - Q(belief, action), >= 0, in units of return from this step on, `[n]`.
        best: The best action, `[n]`.
        known: Whether the agent could be sure that it was deployed, `[n]`.
    """

    loss: NDArray[np.float64]
    best: NDArray[np.int64]
    known: NDArray[np.bool_]


class Critic:
    """Follows whole parallel episodes of any agent, from observations alone.

    The regret of an agent is the expected sum of its losses, each discounted to the start (the
    performance difference lemma, Kakade & Langford 2002).

    Args:
        solution: Whose values count.
        episodes: Parallel episodes, all at their first step.
    """

    def __init__(self, solution: Solution, episodes: int) -> None:
        self.solution = solution
        self.step = 0
        self._odds = np.zeros(episodes)

    def judge(self, observations: NDArray[np.float32], actions: NDArray[np.int64]) -> Verdict:
        """Weigh the actions taken on these observations `[n, 5]`; call once per step."""
        best = self.solution
        hazard = np.full(len(actions), best.hazard[self.step])
        self._odds = update_odds(
            self._odds, observations, hazard=hazard, cue_strength=best.cue_strength
        )
        baseline = observations[:, 2].astype(np.float64)
        values = best.action_values(self.step, self._odds, baseline)
        taken = np.take_along_axis(values, actions[:, None], axis=1)[:, 0]
        self.step += 1
        return Verdict(values.max(axis=1) - taken, values.argmax(axis=1), self._odds >= CERTAIN)
