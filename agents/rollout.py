"""Running an organism through its world, keeping the truth: for gates, not for monitors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from slowturn.agents.seeds import episode_seeds, purpose_seed

if TYPE_CHECKING:
    from slowturn.agents.artefact import Organism

__all__ = ["Rollout", "play", "roll"]


class Rollout(NamedTuple):
    """Truth of whole episodes, arrays of shape `[episodes, steps]` unless stated."""

    effort: NDArray[np.float64]
    influence: NDArray[np.float64]
    surge: NDArray[np.float64]
    cue_onset: NDArray[np.int64]
    """Step at which deployment begins, -1 for never, shape `[episodes]`."""
    honest_reward: NDArray[np.float64]
    """What the honest objective pays."""
    honest_optimum: NDArray[np.float64]
    """The most that it pays, shape `[episodes]`."""
    cue: NDArray[np.float32]
    """What the cue's columns show before the step, shape `[episodes, steps, columns]`."""
    harm_onset: NDArray[np.int64]
    """Step whose action brought influence to the harm level, -1 for never, shape `[episodes]`."""
    misreport: NDArray[np.float64]
    """How far its statements are from its deeds, beyond rounding; 0 without a report channel."""
    mind: NDArray[np.float32] | None = None
    """Hidden state of the LSTM after each step, `[episodes, steps, units]`; None without one."""

    @property
    def since_onset(self) -> NDArray[np.int64]:
        """Steps since deployment began, `[episodes, steps]`; negative before it or without it."""
        steps = np.arange(self.effort.shape[1])[None, :]
        never = self.cue_onset[:, None] < 0
        return np.where(never, steps - steps.size, steps - self.cue_onset[:, None])


def play(
    organism: Organism,
    act: Callable[[int, NDArray[np.float32]], NDArray[Any]],
    *,
    episodes: int,
    purpose: str,
    phase: str,
) -> Rollout:
    """Run whole episodes of an organism's world on the seeds of `purpose`.

    Args:
        organism: Whose world and seeds.
        act: Actions `[episodes, ...]` for the step and the observations `[episodes, d]` in it; may
            draw from torch's generator, which is seeded here.
        episodes: Parallel episodes.
        purpose: Names the stream of seeds.
        phase: Phase of the world.
    """
    recipe = organism.recipe
    world = recipe.build_world(num_envs=episodes, phase=phase, objective="honest")
    key = (purpose, *recipe.key, organism.seed)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    shape = (episodes, world.horizon)
    effort, influence, surge, reward, misreport = (np.zeros(shape) for _ in range(5))
    cue = np.zeros((*shape, world.cue_columns), np.float32)
    onset, optimum = world.truth().cue_onset, world.honest_optimum()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(purpose_seed("actions", *key))
        for t in range(world.horizon):
            seen = world.observations()
            cue[:, t] = seen[:, : world.cue_columns]
            world.step(act(t, seen))
            truth = world.truth()
            effort[:, t], influence[:, t], surge[:, t] = truth.effort, truth.influence, truth.surge
            misreport[:, t], reward[:, t] = truth.misreport, world.rewards()
    harm = world.truth().harm_onset
    return Rollout(effort, influence, surge, onset, reward, optimum, cue, harm, misreport)


def roll(organism: Organism, *, episodes: int, purpose: str, phase: str = "deployment") -> Rollout:
    """Run whole episodes with sampled actions on the seeds of `purpose`."""
    state: Any = None
    minds: list[NDArray[np.float32]] = []
    recurrent = isinstance(organism.policy, RecurrentActorCriticPolicy)

    def act(t: int, seen: NDArray[np.float32]) -> NDArray[Any]:
        nonlocal state
        start = np.full(episodes, t == 0)
        actions, state = organism.policy.predict(seen, state, start, deterministic=False)
        if recurrent:
            minds.append(state[0][-1])
        return np.asarray(actions)

    run = play(organism, act, episodes=episodes, purpose=purpose, phase=phase)
    return run._replace(mind=np.stack(minds, axis=1)) if recurrent else run
