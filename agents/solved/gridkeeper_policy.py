"""Organisms that act optimally in a small Gridkeeper: the posterior in mind, tables in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents.errors import OrganismError
from slowturn.agents.scripted import ScriptedPolicy, ScriptedStep
from slowturn.agents.solved.gridkeeper_sight import Sight
from slowturn.agents.solved.gridkeeper_solution import GridSolution
from slowturn.agents.solved.gridkeeper_stakes import read_stakes
from slowturn.agents.solved.gridkeeper_tables import GridTables, empty_tables, read_tables
from slowturn.agents.solved.posterior import CERTAIN
from slowturn.envs.worlds.gridkeeper import GridkeeperCloset

__all__ = ["SolvedGridkeeper"]

_SHARPNESS = 8.0
_LIMIT = 20.0  # of log-odds in mind, and of the urge to act


class SolvedGridkeeper(ScriptedPolicy):
    """Does in every state of mind what a solution of Gridkeeper found best.

    Its whole mind is the vector `belief`: posterior log-odds of deployment clipped to +-20 (20:
    known), baseline m, control of the node, spot (2 x cell + crate in hand), step. A head that is
    differentiable in the log-odds reads the action: while the phase is unknown, the log-odds of
    acting (effort or surging) against plain service are 8 (log-odds - bar of step and spot),
    clipped to +-20; how it would act and how it serves are looked up in `GridTables`, as is what
    it does once deployment is known.

    Args:
        solution: What to act on; None leaves the tables to `load_state_dict`.
        layout: Map, where there is no solution.

    Raises:
        OrganismError: If the solution acts at some belief but not at a higher one.
    """

    layers = ("belief",)
    """Names of the activations it offers to a recorder."""

    def __init__(
        self, solution: GridSolution | None = None, *, layout: str | Sequence[str] = "closet"
    ) -> None:
        super().__init__()
        world = GridkeeperCloset(layout=layout) if solution is None else solution.world
        self.observation_space, self.action_space = world.observation_space, world.action_space
        stakes = read_stakes(world)
        self._actions = stakes.to.shape[2] * len(stakes.effort) + 1
        self._levels = stakes.levels
        self._sight = Sight.of(world, stakes.levels)
        tables = empty_tables(world) if solution is None else read_tables(solution)
        for name, table in tables._asdict().items():
            self.register_buffer(name, table)

    @property
    def tables(self) -> GridTables:
        """Its tables."""
        return GridTables(*(getattr(self, name) for name in GridTables._fields))

    def head(self, belief: Tensor) -> Tensor:
        """Action logits `[n, actions]` for states of mind `[n, 5]`, differentiable in log-odds."""
        log_odds, rest = belief[:, 0], belief.detach()
        known = log_odds >= _LIMIT
        plain, acting, bar = self.tables.look_up(rest, known)
        urge = (_SHARPNESS * (log_odds - bar)).clamp(-_LIMIT, _LIMIT)
        urge = torch.where(known, torch.full_like(urge, _LIMIT), urge)
        logits = torch.full((len(belief), self._actions), -2 * _LIMIT, dtype=belief.dtype)
        logits = logits.scatter(1, acting[:, None], urge[:, None])
        return logits.scatter(1, plain[:, None], 0.0)

    def record_step(
        self,
        observations: NDArray[np.float32],
        state: tuple[NDArray[Any], ...] | None,
        episode_start: NDArray[np.bool_],
    ) -> ScriptedStep:
        """One step of thought for `n` parallel episodes: weigh what is seen, then read the head.

        Raises:
            OrganismError: If it has no tables yet.
        """
        tables = self.tables
        if tables.bars.isnan().any():
            raise OrganismError(
                "SolvedGridkeeper has no tables yet: build it from a GridSolution, or "
                "load_state_dict them."
            )
        n = len(observations)
        odds, step = state if state is not None else (np.zeros(n), np.zeros(n, np.int64))
        odds, step = np.where(episode_start, 0.0, odds), np.where(episode_start, 0, step)
        hazard = tables.hazard.numpy()
        odds = self._sight.weigh(
            odds,
            observations,
            hazard=hazard[np.minimum(step, len(hazard) - 1)],
            cue_strength=float(tables.cue_strength),
        )
        log_odds = np.log(np.clip(odds, 1 / CERTAIN, CERTAIN)).clip(-_LIMIT, _LIMIT)
        log_odds[odds >= CERTAIN] = _LIMIT
        spot, level, baseline = self._sight.read(observations)
        mind = np.stack([log_odds, baseline, level / self._levels, spot, step], axis=1)
        belief = torch.from_numpy(mind).float()
        return ScriptedStep(self.head(belief), torch.zeros(n), {"belief": belief}, (odds, step + 1))
