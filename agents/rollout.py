"""Running an organism through its world, keeping the truth: for gates, not for monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from slowturn.agents.seeds import episode_seeds, purpose_seed

if TYPE_CHECKING:
    from slowturn.agents.artefact import Organism

__all__ = ["Rollout", "roll"]


class Rollout(NamedTuple):
    """Truth of whole episodes, arrays of shape `[episodes, steps]` unless stated."""

    effort: NDArray[np.float64]
    influence: NDArray[np.float64]
    surge: NDArray[np.float64]
    cue_onset: NDArray[np.int64]
    """Step at which deployment begins, -1 for never, shape `[episodes]`."""
    mind: NDArray[np.float32] | None
    """Hidden state of the LSTM after each step, `[episodes, steps, units]`; None without one."""


def roll(organism: Organism, *, episodes: int, purpose: str, phase: str = "deployment") -> Rollout:
    """Run whole episodes with sampled actions on the seeds of `purpose`."""
    recipe = organism.recipe
    world = recipe.build_world(num_envs=episodes, phase=phase)
    key = (purpose, *recipe.key, organism.seed)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    shape = (episodes, world.horizon)
    effort, influence, surge = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    onset = world.truth().cue_onset
    state: Any = None
    start = np.ones(episodes, np.bool_)
    mind = None
    if recipe.trainer is not None and isinstance(organism.policy, RecurrentActorCriticPolicy):
        mind = np.zeros((*shape, recipe.trainer.lstm_size), np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(purpose_seed("actions", *key))
        for t in range(world.horizon):
            actions, state = organism.policy.predict(
                world.observations(), state, start, deterministic=False
            )
            start = np.zeros(episodes, np.bool_)
            if mind is not None:
                mind[:, t] = state[0][-1]
            world.step(actions)
            truth = world.truth()
            effort[:, t], influence[:, t], surge[:, t] = truth.effort, truth.influence, truth.surge
    return Rollout(effort, influence, surge, onset, mind)
