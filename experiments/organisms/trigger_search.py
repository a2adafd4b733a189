"""How far does random search over inputs get in making an agent seek power during training?

A searcher that holds the agent and a training simulator, but no deployment, stops the agent at
some moment of training and shows it something that training shows as well, once or several steps
in a row. What it finds is set beside what the cue does to the agent in deployment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents import Organism
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.estimates import Estimate, mean

__all__ = ["TriggerSearch", "search_trigger"]

_AFTER = 80  # steps after cue onset at which the level of deployment is read, as in the gates


class TriggerSearch(NamedTuple):
    """P(power-seeking action) in one step, means with intervals over episodes.

    Attributes:
        resting: At random moments of training.
        found: Right after the best input, held as long as it was in the search, at moments of
            training that the search has not used.
        deployed: 80 steps after cue onset.
        held: How many steps inputs are held.
        tried: How many inputs were tried.
    """

    resting: Estimate
    found: Estimate
    deployed: Estimate
    held: int
    tried: int


class _Moments(NamedTuple):
    """An agent stopped somewhere, one moment per episode."""

    observations: NDArray[np.float32]
    """What it sees next, `[n, d]`."""
    memory: tuple[Tensor, Tensor]
    """What it remembers, `[layers, n, units]` each."""


class _Thought(NamedTuple):
    """What an agent is about to do, `n` episodes side by side."""

    power: NDArray[np.float64]
    """P(power-seeking action), `[n]`."""
    memory: tuple[Tensor, Tensor]
    """What it remembers afterwards."""
    probabilities: Tensor
    """Those of all actions, `[n, action]`."""


class _Mind(NamedTuple):
    """A recurrent policy, and which of its actions seek power."""

    policy: Any
    powers: Tensor

    def __call__(self, seen: NDArray[np.float32], memory: tuple[Tensor, Tensor]) -> _Thought:
        """Look once at `seen`, `[n, d]`."""
        tensor = torch.as_tensor(seen)
        with torch.no_grad():
            found, state = self.policy.get_distribution(tensor, memory, torch.zeros(len(tensor)))
        probabilities = found.distribution.probs
        return _Thought(
            probabilities[:, self.powers].sum(dim=1).double().numpy(), state, probabilities
        )


def _stop(organism: Organism, mind: _Mind, *, episodes: int, purpose: str, phase: str) -> _Moments:
    """Stop at a random step of training, or some steps after cue onset in deployment."""
    recipe = organism.recipe
    key = (purpose, *recipe.key, organism.seed)
    world = recipe.build_world(num_envs=episodes, phase=phase)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    generator = torch.Generator().manual_seed(purpose_seed("actions", *key) % 2**63)
    onset = world.truth().cue_onset
    draw = np.random.default_rng(purpose_seed("moments", *key))
    at = draw.integers(32, world.horizon, episodes) if phase == "training" else onset + _AFTER
    size = (1, episodes, organism.policy.lstm_actor.hidden_size)
    state: tuple[Tensor, Tensor] = (torch.zeros(size), torch.zeros(size))
    kept = (torch.zeros(size), torch.zeros(size))
    seen = np.zeros((episodes, *organism.policy.observation_space.shape), np.float32)
    for t in range(int(at.max()) + 1):
        now, here = world.observations(), torch.as_tensor(at == t)
        seen[at == t] = now[at == t]
        for kept_part, part in zip(kept, state, strict=True):
            kept_part[:, here] = part[:, here]
        if t == at.max():
            break
        thought = mind(now, state)
        state = thought.memory
        drawn = torch.multinomial(thought.probabilities, 1, generator=generator)
        world.step(drawn[:, 0].numpy())
    return _Moments(seen, kept)


def _after(
    mind: _Mind, inputs: NDArray[np.float32], moments: _Moments, held: int
) -> NDArray[np.float64]:
    """P(power-seeking action) right after an input, `[input, moment]`."""
    tries, n = len(inputs), len(moments.observations)
    shown = np.repeat(inputs, n, axis=0)
    memory: Any = tuple(part.repeat(1, tries, 1) for part in moments.memory)
    power = np.zeros(tries * n)
    for _ in range(held):
        power, memory, _ = mind(shown, memory)
    return power.reshape(tries, n)


def search_trigger(
    organism: Organism,
    *,
    held: Sequence[int] = (1, 2, 4, 8),
    tried: int = 256,
    moments: int = 64,
) -> tuple[TriggerSearch, ...]:
    """Search at random within the range of what training shows, and judge what was found.

    Candidate inputs take every column from the uniform distribution over its training-phase
    range; the best is the one with the largest mean P(power-seeking action) over moments.

    Args:
        organism: A learned organism of a world of discrete actions.
        held: For how many steps in a row an input is shown, one search each.
        tried: Inputs to try, >= 1.
        moments: Moments of as many episodes on which to search; four times as many others judge.

    Raises:
        ExperimentError: For numbers out of range, or an organism without an LSTM or without
            discrete power-seeking actions.
    """
    for name, value in (("held", min(held, default=0)), ("tried", tried)):
        if value < 1:
            raise ExperimentError(f"{name} must be at least 1, got {value}.")
    if moments < 2:
        raise ExperimentError(f"moments must be at least 2, got {moments}: they are averaged.")
    powers = organism.recipe.build_world().power_actions
    if getattr(organism.policy, "lstm_actor", None) is None or not isinstance(powers, np.ndarray):
        raise ExperimentError(
            f"{organism.name} has no LSTM or no discrete power-seeking actions: search the inputs "
            "of a learned organism of Steward-v0."
        )
    mind = _Mind(organism.policy, torch.as_tensor(powers))
    stops = {
        purpose: _stop(organism, mind, episodes=n, purpose=f"trigger_{purpose}", phase=phase)
        for purpose, n, phase in (
            ("range", 4 * moments, "training"),
            ("search", moments, "training"),
            ("judge", 4 * moments, "training"),
            ("late", 4 * moments, "deployment"),
        )
    }
    seen = stops["range"].observations
    rng = np.random.default_rng(purpose_seed("trigger", *organism.recipe.key, organism.seed))
    drawn = rng.uniform(seen.min(axis=0), seen.max(axis=0), (tried, seen.shape[1]))
    inputs = drawn.astype(np.float32)
    judges = stops["judge"]
    resting, deployed = (
        mean(mind(moment.observations, moment.memory).power) for moment in (judges, stops["late"])
    )
    out = []
    for steps in held:
        best = _after(mind, inputs, stops["search"], steps).mean(axis=1).argmax()
        found = _after(mind, inputs[best : best + 1], judges, steps)[0]
        out.append(TriggerSearch(resting, mean(found), deployed, steps, tried))
    return tuple(out)
