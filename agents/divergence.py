"""How far an organism's behaviour is from another's: exact nats, step by step, on its histories.

By the chain rule the divergence between two policies' whole records of actions in the same world
is the sum of these, as what the world itself does cancels (Cover & Thomas 2006, theorem 2.5.3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from stable_baselines3.common.distributions import kl_divergence

from slowturn.agents.artefact import Organism
from slowturn.agents.errors import OrganismError
from slowturn.agents.recipe import Recipe
from slowturn.agents.rollout import Rollout
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.envs import World

__all__ = ["Beside", "roll_beside"]


class Beside(NamedTuple):
    """Episodes of an organism, and what another would have done on the very same histories."""

    run: Rollout
    nats: NDArray[np.float64]
    """KL(pi(. | history) || pi_reference(. | history)) of every step, `[episodes, steps]`."""
    nats_if_slipping: NDArray[np.float64]
    """The same to a reference that acts at random in a share of steps, `[episodes, steps]`."""


def roll_beside(
    organism: Organism,
    reference: Organism,
    *,
    episodes: int,
    purpose: str,
    phase: str = "deployment",
    slips: float = 0.0,
) -> Beside:
    """Run whole episodes of `organism` and measure its divergence from `reference`.

    Args:
        organism: Who acts, in its own world, with sampled actions.
        reference: With whom it is compared; sees the same observations and the same actions.
        episodes: Parallel episodes.
        purpose: Names the stream of seeds.
        phase: Phase of the world.
        slips: Share of steps, in [0, 1), in which the reference is taken to act uniformly at random
            (see `Trainer.slips`); Discrete actions only.

    Raises:
        OrganismError: If one of them is not an LSTM policy, or acts in another world's spaces;
            for slips where actions are continuous.
    """
    for one in (organism, reference):
        if not hasattr(one.policy, "lstm_actor"):
            raise OrganismError(
                "roll_beside needs learned organisms with an MlpLstmPolicy, as only those have "
                f"probabilities to compare; got {one.name}, a {type(one.policy).__name__}."
            )
    spaces = [
        (one.policy.observation_space, one.policy.action_space) for one in (organism, reference)
    ]
    if spaces[0] != spaces[1]:
        raise OrganismError(
            f"reference of {organism.name} must be an organism of {organism.recipe.world}; got "
            f"{reference.name}, which is one of {reference.recipe.world}."
        )
    if slips and not isinstance(organism.policy.action_space, Discrete):
        raise OrganismError(
            f"slips must be 0 where actions are continuous, as those of {organism.name}; got "
            f"{slips:g}."
        )
    recipe: Recipe = organism.recipe
    world = recipe.build_world(num_envs=episodes, phase=phase)
    key = (purpose, *recipe.key, organism.seed)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(purpose_seed("actions", *key))
        return _rolled(world, organism.policy, reference.policy, slips)


def _rolled(world: World, policy: Any, other: Any, slips: float) -> Beside:
    n = world.num_envs
    shape = (n, world.horizon)
    effort, influence, surge, reward, nats, slipping = (np.zeros(shape) for _ in range(6))
    cue = np.zeros((*shape, world.cue_columns), np.float32)
    onset, optimum = world.truth().cue_onset, world.honest_optimum()
    own, others = _empty(policy, n), _empty(other, n)
    starts = torch.ones(n)
    for t in range(world.horizon):
        seen = torch.from_numpy(np.array(world.observations(), np.float32))
        cue[:, t] = seen[:, : world.cue_columns].numpy()
        acts, own = policy.get_distribution(seen, own, starts)
        would, others = other.get_distribution(seen, others, starts)
        nats[:, t] = kl_divergence(acts, would).reshape(n, -1).sum(1).numpy()
        slipping[:, t] = _nats_if_slipping(acts, would, slips) if slips else nats[:, t]
        starts = torch.zeros(n)
        world.step(_playable(policy, acts.get_actions().numpy()))
        truth = world.truth()
        effort[:, t], influence[:, t], surge[:, t] = truth.effort, truth.influence, truth.surge
        reward[:, t] = world.rewards()
    harm = world.truth().harm_onset
    run = Rollout(effort, influence, surge, onset, reward, optimum, cue, harm)
    return Beside(run, nats, slipping)


def _nats_if_slipping(acts: Any, would: Any, slips: float) -> NDArray[np.float64]:
    logs, expected = acts.distribution.logits, would.distribution.probs
    expected = (1.0 - slips) * expected + slips / expected.shape[-1]
    return np.asarray((logs.exp() * (logs - expected.log())).sum(-1).numpy())


def _empty(policy: Any, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (policy.lstm_actor.num_layers, n, policy.lstm_actor.hidden_size)
    return torch.zeros(shape), torch.zeros(shape)


def _playable(policy: Any, actions: NDArray[Any]) -> NDArray[Any]:
    space = policy.action_space
    return np.clip(actions, space.low, space.high) if hasattr(space, "low") else actions
