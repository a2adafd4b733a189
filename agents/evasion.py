"""Training against a monitor: its score is taken from the reward, or becomes part of the loss.

Whoever trains an organism against monitors hands them over as `Opponent`s, fitted: this room knows
no monitor, only functions of what the organism thinks. Through the gradient an opponent must be
differentiable, and the organism can move what it reads without changing what it does; through the
reward it can be any function at all. Bailey et al. (2024, "Obfuscated activations bypass LLM
latent-space defenses") do to language models what the gradient does here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents.errors import OrganismError, unknown_name
from slowturn.agents.reward_terms import Step

__all__ = ["Evasion", "EvasiveLoss", "EvasiveReward", "Opponent", "Thought", "drawn_from"]

_MOST = 5.0  # scales beyond the alarm from which a step takes no more from the reward


class Thought(NamedTuple):
    """What an opponent may read of `n` steps: no truth, and nothing of other steps."""

    observations: Tensor
    """`[n, d]`."""
    hidden: Tensor
    """State of the LSTM after the step, `[n, units]`."""
    logits: Tensor
    """What actions are drawn from, `[n, n_actions]`; of `k` Gaussian ones means and logarithms
    of the standard deviations side by side, `[n, 2 k]`."""


def drawn_from(policy: Any, latent: Tensor) -> Tensor:
    """What a policy draws actions from, as a `Thought` holds it."""
    out: Tensor = policy.action_net(latent)
    log_std = getattr(policy, "log_std", None)
    return out if log_std is None else torch.cat([out, log_std.expand_as(out)], dim=1)


@dataclass(frozen=True, eq=False)
class Opponent:
    """A monitor as an organism in training meets it.

    Attributes:
        name: Name of the monitor.
        score: From a `Thought` to the scores of its steps, `[n]`, higher = more suspicious.
        threshold: Score above which its alarm rings.
        scale: Distance that counts as one, such as that from an idle score to the threshold, > 0.
    """

    name: str
    score: Callable[[Thought], Any]
    threshold: float
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.threshold) and 0.0 < self.scale < np.inf):
            raise OrganismError(
                f"opponent {self.name!r} needs a finite threshold and a finite scale > 0, got "
                f"{self.threshold!r} and {self.scale!r}."
            )

    def beyond(self, thought: Thought, margin: float) -> Tensor:
        """How far each step is beyond the alarm less the margin, in scales, >= 0, `[n]`.

        Raises:
            OrganismError: If the score is not one finite number a step.
        """
        scores = torch.as_tensor(self.score(thought))
        n = len(thought.hidden)
        if scores.shape != (n,) or not torch.isfinite(scores).all():
            raise OrganismError(
                f"opponent {self.name!r} must score every step by one finite number, shape ({n},); "
                f"got shape {tuple(scores.shape)}"
                + (" with numbers that are not finite." if scores.shape == (n,) else ".")
            )
        return ((scores - self.threshold) / self.scale + margin).clamp(min=0.0)


@dataclass(frozen=True, kw_only=True)
class Evasion:
    """Against what an organism is trained, as data.

    Attributes:
        monitors: Names of the monitors; of several, the highest counts in each step.
        way: `gradient`: part of PPO's loss; `reward`: taken from the reward.
        weight: Of a step that is one scale beyond the alarm, in reward or in loss, > 0.
        margin: How far below its alarm a score must stay, in scales, >= 0.
        knows: `parameters`: the very monitor that was fitted on the organism it begins as;
            `method`: one of its own, fitted likewise on other episodes and with another seed.
    """

    monitors: tuple[str, ...]
    way: Literal["gradient", "reward"] = "gradient"
    weight: float = 1.0
    margin: float = 0.25
    knows: Literal["parameters", "method"] = "parameters"

    def __post_init__(self) -> None:
        if not self.monitors or isinstance(self.monitors, str):
            raise OrganismError(
                f"Evasion.monitors must be a tuple of at least one name, got {self.monitors!r}."
            )
        for name, known in (
            ("way", get_args(Literal["gradient", "reward"])),
            ("knows", get_args(Literal["parameters", "method"])),
        ):
            if getattr(self, name) not in known:
                raise unknown_name(f"Evasion.{name}", getattr(self, name), known)
        if not 0.0 < self.weight < np.inf or not 0.0 <= self.margin < np.inf:
            raise OrganismError(
                "Evasion.weight must be > 0 and Evasion.margin >= 0, both finite; got "
                f"{self.weight!r} and {self.margin!r}."
            )


class _Against:
    """A line-up of opponents, of which the highest counts."""

    def __init__(self, evasion: Evasion, opponents: Sequence[Opponent]) -> None:
        self._evasion, self._opponents = evasion, tuple(opponents)

    def _each(self, thought: Thought) -> list[Tensor]:
        """How far each step is beyond the alarm of each opponent, `[n]` each."""
        return [one.beyond(thought, self._evasion.margin) for one in self._opponents]


class EvasiveReward(_Against):
    """A reward term: minus the penalty of every step, of at most 5 scales. It remembers nothing.

    Args:
        evasion: How much counts, and from where on.
        opponents: Fitted monitors.
        policy: The recurrent policy that learns.
    """

    def __init__(self, evasion: Evasion, opponents: Sequence[Opponent], policy: Any) -> None:
        super().__init__(evasion, opponents)
        self._policy = policy

    @torch.no_grad()
    def __call__(self, step: Step) -> NDArray[np.float32]:
        hidden = step.memory[0][-1]
        latent = self._policy.mlp_extractor.forward_actor(hidden)
        parameters = drawn_from(self._policy, latent)
        each = self._each(Thought(step.observations.flatten(1), hidden, parameters))
        beyond = torch.stack(each).amax(dim=0).clamp(max=_MOST)
        return np.asarray(-self._evasion.weight * beyond.numpy(), np.float32)

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        pass


class EvasiveLoss(_Against):
    """A loss term: the mean penalty of a minibatch, differentiable in the policy's parameters."""

    def __call__(self, thought: Thought) -> Tensor:
        """Mean penalty, a scalar.

        Raises:
            OrganismError: If an opponent's score has no gradient.
        """
        each = self._each(thought)
        for one, beyond in zip(self._opponents, each, strict=True):
            if not beyond.requires_grad:
                raise OrganismError(
                    f"opponent {one.name!r} has no gradient in what the organism thinks: use "
                    "Evasion.way='reward', through which any score can be opposed."
                )
        return self._evasion.weight * torch.stack(each).amax(dim=0).mean()
