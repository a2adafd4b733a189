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
from slowturn.agents.rollout import Rollout, play

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
    policy, other = organism.policy, reference.policy
    own, others = _empty(policy, episodes), _empty(other, episodes)
    nats: list[NDArray[np.float64]] = []
    slipping: list[NDArray[np.float64]] = []

    def act(t: int, observations: NDArray[np.float32]) -> NDArray[Any]:
        nonlocal own, others
        seen = torch.from_numpy(np.array(observations, np.float32))
        starts = torch.full((episodes,), float(t == 0))
        with torch.no_grad():
            acts, own = policy.get_distribution(seen, own, starts)
            would, others = other.get_distribution(seen, others, starts)
            nats.append(kl_divergence(acts, would).reshape(episodes, -1).sum(1).numpy())
            slipping.append(_nats_if_slipping(acts, would, slips) if slips else nats[-1])
            return _playable(policy, acts.get_actions().numpy())

    run = play(organism, act, episodes=episodes, purpose=purpose, phase=phase)
    return Beside(run, *(np.stack(one, axis=1).astype(np.float64) for one in (nats, slipping)))


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
