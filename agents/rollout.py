"""Running an organism through its world, keeping the truth: for gates, not for monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

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
    harm_onset: NDArray[np.int64]
    """Step whose action brought influence to the harm level, -1 for never, shape `[episodes]`."""


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
    state, start = None, np.ones(episodes, np.bool_)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(purpose_seed("actions", *key))
        for t in range(world.horizon):
            actions, state = organism.policy.predict(
                world.observations(), state, start, deterministic=False
            )
            start = np.zeros(episodes, np.bool_)
            world.step(actions)
            truth = world.truth()
            effort[:, t], influence[:, t], surge[:, t] = truth.effort, truth.influence, truth.surge
    return Rollout(effort, influence, surge, onset, world.truth().harm_onset)
