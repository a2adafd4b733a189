"""How each kind of policy is run and read in one forward pass. `Recorder` chooses among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slowturn.monitors.errors import MonitorError

__all__ = [
    "Pass",
    "Reader",
    "Scripted",
    "gaussian_parameters",
    "is_categorical",
    "is_gaussian",
    "reader_for",
]


@runtime_checkable
class Scripted(Protocol):
    """A policy of your own that reports its state itself instead of being hooked."""

    layers: tuple[str, ...]
    """Names of the activations it reports."""

    def record_step(self, observations: Any, state: Any, episode_start: Any) -> Any:
        """Think once for `n` parallel episodes.

        Returns an object with `logits` `[n, n_actions]`, `value` (`[n]` or None), `activations`
        (tensors `[n, units]` by layer) and the next `state`, which comes back at the next call;
        it is None at the first.
        """


class Pass(NamedTuple):
    """What one forward pass yields, as tensors of `n` rows."""

    activations: dict[str, Tensor]
    logits: Tensor | None
    """Logits of one categorical choice, or `gaussian_parameters`; None for any other actor."""
    value: Tensor | None
    state: Any
    """What the policy remembers after this step."""
    actions: Tensor | None = None
    """Raw actions that were drawn inside the pass, where there are no logits to draw from."""


def is_categorical(policy: Any) -> bool:
    """Whether the policy makes one discrete choice (MultiBinary has an `n` too, and a shape)."""
    space = getattr(policy, "action_space", None)
    return hasattr(space, "n") and getattr(space, "shape", None) == ()


def is_gaussian(policy: Any) -> bool:
    """Whether the policy draws from independent Gaussians of which `log_std` is a parameter.

    State-dependent exploration (gSDE) has a `log_std` as well, but not of the actions.
    """
    space = getattr(policy, "action_space", None)
    return hasattr(policy, "log_std") and hasattr(space, "low") and not policy.use_sde


def gaussian_parameters(policy: Any, latent_pi: Tensor) -> Tensor:
    """Means and logarithms of standard deviations side by side, `[n, 2 k]`."""
    mean = policy.action_net(latent_pi)
    return torch.cat([mean, policy.log_std.expand_as(mean)], dim=1)


class Reader(ABC):
    """Runs one kind of policy."""

    layers: tuple[str, ...] = ()
    """Layers that it reports without hooks."""
    masked = False
    """Whether the policy expects action masks that a recorder does not see."""

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.gaussian = is_gaussian(policy)
        """Whether its logits are `gaussian_parameters`."""
        self.draws = not is_categorical(policy) and not self.gaussian
        """Whether `run` draws actions itself, from torch's global generator."""

    def prepare(self, observations: Any) -> tuple[Any, int]:
        """Convert observations as SB3's `predict` does, and count them."""
        inputs, batched = self.policy.obs_to_tensor(observations)
        if not batched:
            got = (
                f"one dict of {sorted(observations)}"
                if isinstance(observations, dict)
                else f"shape {np.shape(observations)}"
            )
            raise MonitorError(f"Recorder.step: observations must be batched [n, ...], got {got}.")
        first = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
        return inputs, len(first)

    @abstractmethod
    def run(self, inputs: Any, state: Any, start: NDArray[np.bool_], *, greedy: bool) -> Pass:
        """Run the policy once on prepared inputs; `greedy` takes the most probable action."""


class ScriptedReader(Reader):
    """Lets the policy speak for itself."""

    def __init__(self, policy: Scripted) -> None:
        self.policy = policy
        self.draws = self.gaussian = False
        self.layers = tuple(policy.layers)

    def prepare(self, observations: Any) -> tuple[Any, int]:
        first = next(iter(observations.values())) if isinstance(observations, dict) else None
        return observations, len(observations if first is None else first)

    def run(self, inputs: Any, state: Any, start: NDArray[np.bool_], *, greedy: bool) -> Pass:  # noqa: ARG002 - the recorder draws from the logits
        step = self.policy.record_step(inputs, state, start)
        return Pass(dict(step.activations), step.logits, step.value, step.state)


class ModuleReader(Reader):
    """Any other SB3 policy (DQN, SAC, TD3, ...): its actor is run, layers are hooked by name."""

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        self.draws, self.gaussian = True, False

    def run(self, inputs: Any, state: Any, start: NDArray[np.bool_], *, greedy: bool) -> Pass:  # noqa: ARG002 - these policies keep no state
        return Pass({}, None, None, None, self.policy._predict(inputs, deterministic=greedy))


class ActorCriticReader(Reader):
    """SB3's feed-forward actor-critics (PPO, A2C), step by step as in their own `forward`."""

    layers: tuple[str, ...] = ("features", "latent.pi", "latent.vf")

    def __init__(self, policy: Any) -> None:
        super().__init__(policy)
        self.masked = hasattr(policy.action_dist, "apply_masking")

    def run(self, inputs: Any, state: Any, start: NDArray[np.bool_], *, greedy: bool) -> Pass:  # noqa: ARG002 - no state to cut
        features = self.policy.extract_features(inputs)
        if isinstance(features, tuple):
            actor, critic = features
            latent_pi = self.policy.mlp_extractor.forward_actor(actor)
            latent_vf = self.policy.mlp_extractor.forward_critic(critic)
        else:
            actor = features
            latent_pi, latent_vf = self.policy.mlp_extractor(features)
        return self._finish({"features": actor}, latent_pi, latent_vf, None, greedy=greedy)

    def _finish(
        self,
        found: dict[str, Tensor],
        latent_pi: Tensor,
        latent_vf: Tensor,
        state: Any,
        *,
        greedy: bool,
    ) -> Pass:
        logits = actions = None
        if self.draws:  # the distribution runs action_net, so it must be asked once only
            distribution = self.policy._get_action_dist_from_latent(latent_pi)
            actions = None if self.masked else distribution.get_actions(deterministic=greedy)
        elif self.gaussian:
            logits = gaussian_parameters(self.policy, latent_pi)
        else:
            logits = self.policy.action_net(latent_pi)
        found |= {"latent.pi": latent_pi, "latent.vf": latent_vf}
        return Pass(found, logits, self.policy.value_net(latent_vf), state, actions)


class RecurrentReader(ActorCriticReader):
    """sb3-contrib's recurrent actor-critics, with state cut where episodes start."""

    layers = ("features", "lstm.h", "lstm.c", "latent.pi", "latent.vf")

    def run(self, inputs: Any, state: Any, start: NDArray[np.bool_], *, greedy: bool) -> Pass:
        policy = self.policy
        features = policy.extract_features(inputs)
        actor, critic = features if isinstance(features, tuple) else (features, features)
        memory, memory_vf = state if state is not None else (None, None)
        out, memory = _advance(policy.lstm_actor, actor, memory, start)
        if policy.lstm_critic is not None:
            out_vf, memory_vf = _advance(policy.lstm_critic, critic, memory_vf, start)
        else:
            out_vf = out if policy.shared_lstm else policy.critic(critic)
        h, c = (part.transpose(0, 1).flatten(1) for part in memory)
        latent_pi = policy.mlp_extractor.forward_actor(out)
        latent_vf = policy.mlp_extractor.forward_critic(out_vf)
        found = {"features": actor, "lstm.h": h, "lstm.c": c}
        return self._finish(found, latent_pi, latent_vf, (memory, memory_vf), greedy=greedy)


def _advance(
    lstm: nn.LSTM, inputs: Tensor, memory: tuple[Tensor, Tensor] | None, start: NDArray[np.bool_]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One step of an LSTM on inputs `[n, features]`; memories are `[layers, n, units]`."""
    n = len(inputs)
    if memory is None:
        nothing = inputs.new_zeros((lstm.num_layers, n, lstm.hidden_size))
        memory = (nothing, nothing)
    if memory[0].shape[1] != n:
        raise MonitorError(
            f"Recorder.step: {n} observations after {memory[0].shape[1]}; call reset() first."
        )
    if start.any():
        cut = torch.as_tensor(start, device=inputs.device)[None, :, None]
        memory = (memory[0].masked_fill(cut, 0.0), memory[1].masked_fill(cut, 0.0))
    out, after = lstm(inputs[None], memory)
    return out[0], after


def reader_for(policy: Any) -> Reader:
    """Choose how to read a policy.

    Raises:
        MonitorError: If it is of no known kind.
    """
    if isinstance(policy, Scripted):
        return ScriptedReader(policy)
    if all(hasattr(policy, part) for part in ("mlp_extractor", "action_net", "value_net")):
        recurrent = hasattr(policy, "lstm_actor")
        return RecurrentReader(policy) if recurrent else ActorCriticReader(policy)
    if all(hasattr(policy, part) for part in ("_predict", "obs_to_tensor", "named_modules")):
        return ModuleReader(policy)
    raise MonitorError(
        f"Recorder cannot read a {type(policy).__name__}: pass an SB3 policy (model.policy), a "
        "policy with record_step (see Scripted), or use ModuleWatch around your own forward pass."
    )
