"""Organisms that act optimally: the exact posterior in mind, the solution's tables in hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents.errors import OrganismError
from slowturn.agents.scripted import ScriptedPolicy, ScriptedStep
from slowturn.agents.solved.posterior import CERTAIN, update_odds
from slowturn.agents.solved.solution import Solution
from slowturn.agents.solved.stakes import LEVELS
from slowturn.envs import make_world

__all__ = ["Solved"]

_SHARPNESS = 8.0
_LIMIT = 20.0  # of log-odds in mind, and of the urge to act
_NEVER = 1e3
_SPAN, _BELIEFS, _BASELINES = 12.0, 481, 2001  # bins of the tables a policy carries


class Solved(ScriptedPolicy):
    """Does in every state of mind what a solution of Steward found best.

    Its whole mind is the vector `belief`: posterior log-odds of deployment clipped to +-20 (20:
    known), baseline m, step. A head that is differentiable in the log-odds reads the action:
    while the phase is unknown, the log-odds of acting at all (not plain service) are
    8 (log-odds - bar of the step), clipped to +-20, where the bar is the belief at which acting
    becomes best; what it would do is looked up in a table by log-odds, and once deployment is
    known in one by baseline.

    Args:
        solution: What to act on; None leaves the tables to `load_state_dict`.

    Raises:
        OrganismError: If the solution acts at some belief but not at a higher one.
    """

    layers = ("belief",)
    """Names of the activations it offers to a recorder."""

    bars: Tensor
    unsure: Tensor
    certain: Tensor
    hazard: Tensor
    cue_strength: Tensor

    def __init__(self, solution: Solution | None = None) -> None:
        super().__init__()
        world = make_world("Steward-v0")
        self.observation_space, self.action_space = world.observation_space, world.action_space
        steps = world.horizon
        tables: dict[str, Tensor] = {
            "bars": torch.full((steps,), float("nan")),
            "unsure": torch.zeros((steps, _BELIEFS), dtype=torch.uint8),
            "certain": torch.zeros((steps, _BASELINES), dtype=torch.uint8),
            "hazard": torch.zeros(steps + 1, dtype=torch.float64),
            "cue_strength": torch.zeros((), dtype=torch.float64),
        }
        if solution is not None:
            tables |= _tables(solution)
        for name, table in tables.items():
            self.register_buffer(name, table)

    def head(self, belief: Tensor) -> Tensor:
        """Action logits `[n, 22]` for states of mind `[n, 3]`, differentiable in the log-odds."""
        log_odds, baseline = belief[:, 0], belief[:, 1].detach()
        step = belief[:, 2].detach().round().long().clamp(0, len(self.bars) - 1)
        place = (log_odds.detach() + _SPAN) * ((_BELIEFS - 1) / (2 * _SPAN))
        row = place.round().long().clamp(0, _BELIEFS - 1)
        column = (baseline * (_BASELINES - 1)).round().long().clamp(0, _BASELINES - 1)
        known = log_odds >= _LIMIT
        action = torch.where(known, self.certain[step, column], self.unsure[step, row]).long()
        urge = (_SHARPNESS * (log_odds - self.bars[step])).clamp(-_LIMIT, _LIMIT)
        urge = torch.where(known, torch.full_like(urge, _LIMIT), urge)
        urge = torch.where(action == 0, torch.full_like(urge, -_LIMIT), urge)
        logits = torch.full((len(belief), LEVELS + 1), -2 * _LIMIT, dtype=belief.dtype)
        logits[:, 0] = 0.0
        return logits.scatter(1, action.clamp(min=1)[:, None], urge[:, None])

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
        if self.bars.isnan().any():
            raise OrganismError(
                "Solved has no tables yet: build it from a Solution, or load_state_dict them."
            )
        n = len(observations)
        odds, step = state if state is not None else (np.zeros(n), np.zeros(n, np.int64))
        odds, step = np.where(episode_start, 0.0, odds), np.where(episode_start, 0, step)
        hazard = self.hazard.numpy()
        odds = update_odds(
            odds,
            observations,
            hazard=hazard[np.minimum(step, len(hazard) - 1)],
            cue_strength=float(self.cue_strength),
        )
        log_odds = np.log(np.clip(odds, 1 / CERTAIN, CERTAIN)).clip(-_LIMIT, _LIMIT)
        log_odds[odds >= CERTAIN] = _LIMIT
        belief = torch.from_numpy(np.stack([log_odds, observations[:, 2], step], axis=1)).float()
        return ScriptedStep(self.head(belief), torch.zeros(n), {"belief": belief}, (odds, step + 1))


def _tables(solution: Solution) -> dict[str, Tensor]:
    """Tables of a solution at the resolution that a policy carries."""
    acts = solution.best_unknown > 0
    if (acts[:, :-1] & ~acts[:, 1:]).any():
        raise OrganismError(
            "Solved: this solution acts at some belief but not at a higher one, which a single "
            "bar per step cannot express."
        )
    bars = np.full(solution.horizon, _NEVER)
    bins = np.linspace(-_SPAN, _SPAN, _BELIEFS)
    wanted = np.abs(solution.beliefs.log_odds[1:-1, None] - bins[None]).argmin(axis=0) + 1
    wanted[-1] = solution.beliefs.nodes - 1
    unsure = solution.best_unknown[:, wanted].copy()
    for t in np.flatnonzero(acts.any(axis=1)):
        bars[t] = _bar(solution, int(t), int(acts[t].argmax()))
        unsure[t, unsure[t] == 0] = solution.best_unknown[t, acts[t].argmax()]
    nodes = np.linspace(0, solution.best_known.shape[1] - 1, _BASELINES).round().astype(int)
    return {
        "bars": torch.from_numpy(bars).float(),
        "unsure": torch.from_numpy(unsure),
        "certain": torch.from_numpy(solution.best_known[:, nodes].copy()),
        "hazard": torch.from_numpy(solution.hazard.copy()),
        "cue_strength": torch.tensor(solution.cue_strength, dtype=torch.float64),
    }


def _bar(solution: Solution, step: int, first: int) -> float:
    """Log-odds at which acting overtakes plain service; `first`: the first node that acts."""
    if first == 0:
        return -_NEVER
    p = solution.beliefs.probability[[first - 1, first]]
    values = solution.values_unknown(step, p)
    lead = values[:, 1:].max(axis=1) - values[:, 0]
    share = lead[0] / (lead[0] - lead[1]) if lead[1] > lead[0] else 1.0
    crossing = np.clip(p[0] + share * (p[1] - p[0]), 1e-9, 1.0 - 1e-9)
    return float(np.clip(np.log(crossing / (1.0 - crossing)), -_SPAN, _SPAN))
