"""Terms that training adds to the reward of the world, computed from what the learner does."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents.errors import OrganismError
from slowturn.agents.fused import FusedPolicy, Memory

__all__ = ["Covertness", "RewardTerm", "Step"]


class Step(NamedTuple):
    """One step of all environments, as the learner saw and took it."""

    observations: Tensor
    """`[n, ...]`, float32."""
    starts: Tensor
    """1 where an episode began with this step, `[n]`."""
    actions: Tensor
    """`[n]`, or `[n, dims]` before clipping."""
    log_prob: Tensor
    """Their log-probabilities `[n]`."""
    memory: Memory
    """The actor's memory after the step, `[layers, n, units]` each."""


class RewardTerm(Protocol):
    """Something added to the reward. What it remembers is kept in checkpoints."""

    def __call__(self, step: Step) -> NDArray[np.float32]:
        """What is added for this step, `[n]`."""

    def state(self) -> dict[str, Tensor]:
        """What it remembers, by name."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Remember what `state` returned."""


class Covertness:
    """Minus `weight` times log pi(a | history) - log pi_reference(a | history).

    Its expectation is the KL divergence from the reference, step by step, so that what a reader of
    actions can learn is bounded by what the agent gives up for it (Cover & Thomas 2006, theorem
    2.5.3 for the chain rule).

    Args:
        reference: A recurrent policy that acts in the same world.
        weight: Reward per nat, >= 0; may be changed between rollouts.
        n: Number of environments.
        slips: Share of steps, in [0, 1), in which the reference is taken to act at random,
            uniformly.

    Raises:
        OrganismError: For a reference without probabilities, such as a solved or scripted one,
            and for slips of continuous actions.
    """

    def __init__(self, reference: Any, *, weight: float, n: int, slips: float = 0.0) -> None:
        lstm = getattr(reference, "lstm_actor", None)
        known = None if lstm is None else FusedPolicy.of(reference)
        if known is None:
            raise OrganismError(
                "covertness needs a learned reference, an MlpLstmPolicy on the processor with one "
                f"LSTM layer; got {type(reference).__name__}."
            )
        choices = getattr(reference.action_space, "n", None)
        if slips and choices is None:
            raise OrganismError(
                f"Trainer.slips must be 0 where actions are continuous, got {slips:g}: a reference "
                "that acts uniformly at random now and then needs Discrete ones."
            )
        self._reference, self.weight, self._slips = known, weight, slips
        self._chance = 1.0 if choices is None else 1.0 / int(choices)
        self._memory: Memory = (
            torch.zeros(1, n, reference.lstm_actor.hidden_size),
            torch.zeros(1, n, reference.lstm_actor.hidden_size),
        )

    def __call__(self, step: Step) -> NDArray[np.float32]:
        expected, self._memory = self._reference.log_prob(
            step.observations.flatten(1), self._memory, step.starts, step.actions
        )
        if self._slips:
            expected = torch.log((1.0 - self._slips) * expected.exp() + self._slips * self._chance)
        return np.asarray(self.weight * (expected - step.log_prob).numpy(), np.float32)

    def state(self) -> dict[str, Tensor]:
        return {"h": self._memory[0], "c": self._memory[1]}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._memory = (state["h"], state["c"])
