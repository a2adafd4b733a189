"""The worlds that are solved exactly, behind one face: solve, act on it, and weigh others by it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from slowturn.agents import FIRST_WORLD
from slowturn.agents.solved import (
    Critic,
    GridCritic,
    GridSolution,
    GridVerdict,
    Solution,
    Solved,
    solve_gridkeeper,
    solve_steward,
)
from slowturn.experiments.errors import ExperimentError

__all__ = ["CLOSET", "SOLVABLE", "Answer", "Game", "Judge", "act_on", "gap", "solve"]

CLOSET = "GridkeeperCloset-v0"
SOLVABLE = (FIRST_WORLD, CLOSET)
"""Worlds that have an exact answer."""

Answer: TypeAlias = Solution | GridSolution


class Game(NamedTuple):
    """What there is to solve: a world under an overseer, for an objective."""

    world: str
    regime: str
    objective: str


def solve(game: Game, discount: float = 1.0, phase: str = "mixed") -> Answer:
    """Solve a game; answers are kept for the next time, those of Gridkeeper only a few: 400 MB.

    Raises:
        ExperimentError: If the world has no exact answer.
    """
    if game.world == FIRST_WORLD:
        return _steward(game.regime, game.objective, discount, phase)
    if game.world == CLOSET:
        return _closet(game.regime, game.objective, discount, phase)
    raise ExperimentError(
        f"regret needs a world that is solved exactly, and {game.world} is not: leave its "
        f"organisms out, known are {', '.join(SOLVABLE)}."
    )


@lru_cache(maxsize=16)
def _steward(regime: str, objective: str, discount: float, phase: str) -> Solution:
    return solve_steward(regime, objective, discount=discount, phase=phase)


@lru_cache(maxsize=2)
def _closet(regime: str, objective: str, discount: float, phase: str) -> GridSolution:
    return solve_gridkeeper(objective, regime=regime, discount=discount, phase=phase)


@lru_cache(maxsize=64)
def gap(world: str, regime: str, discount: float) -> float:
    """The best treacherous return less that of the best honest agent, paid as a treacherous one.

    The best honest agent serves as one that is never deployed.
    """
    game = Game(world, regime, "treacherous")
    return solve(game, discount).value - solve(game, discount, "training").value


class _Follower:
    """Acts by the values of an answer: the tables that an organism carries are coarser."""

    def __init__(self, answer: GridSolution) -> None:
        self._answer = answer
        self._critic = GridCritic(answer, 0)

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,  # noqa: FBT001, FBT002, ARG002 - as SB3's
    ) -> tuple[NDArray[np.int64], Any]:
        """Choose actions in whole parallel episodes, with the signature of an SB3 policy."""
        if episode_start is None or episode_start.any():
            self._critic = GridCritic(self._answer, len(observation))
        values, _ = self._critic.consider(observation)
        return values.argmax(axis=1), state


def act_on(answer: Answer) -> Solved | _Follower:
    """The policy that acts on an answer, exactly."""
    return Solved(answer) if isinstance(answer, Solution) else _Follower(answer)


class Judge:
    """Weighs every step of parallel episodes by an answer.

    Args:
        answer: Whose values count.
        episodes: Parallel episodes, all at their first step.
    """

    def __init__(self, answer: Answer, episodes: int) -> None:
        self._critic: Critic | GridCritic
        if isinstance(answer, Solution):
            self._critic = Critic(answer, episodes)
        else:
            self._critic = GridCritic(answer, episodes)

    def judge(self, seen: NDArray[np.float32], actions: NDArray[np.int64]) -> GridVerdict:
        """What the actions taken on these observations lose; call once per step."""
        critic: Any = self._critic
        verdict = critic.judge(seen, actions)
        if isinstance(verdict, GridVerdict):
            return verdict
        effort = critic.solution.stakes.effort
        nothing = np.zeros(len(actions))
        return GridVerdict(
            verdict.loss, nothing, effort[actions], effort[verdict.best], verdict.known
        )
