"""The common recurrent policy without autograd: one core, compiled, gradients written by hand.

Policies of a few dozen units spend most of their time in bookkeeping: of torch's graph, of modules
and of distributions. `FusedPolicy` reads and writes the very parameters of an sb3-contrib policy,
so that saving, loading, optimisers and everything else stay as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor, nn

from slowturn.agents import fused_kernel

__all__ = ["FusedPolicy", "LossTerms", "Memory"]

Memory = tuple[Tensor, Tensor]
"""Hidden and cell state, each `[layers, n, units]`."""


class LossTerms(NamedTuple):
    """Means over a minibatch."""

    gain: float
    entropy: float
    value_error: float
    divergence: float
    """Estimated KL divergence from the policy that played."""


Arrays = tuple[NDArray[np.float32], ...]


class _Gradients:
    """Room for the gradients of all parameters, one piece of memory."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self._flat = torch.zeros(sum(one.numel() for one in parameters))
        pieces = torch.split(self._flat, [one.numel() for one in parameters])
        self._of = {
            id(one): piece.view_as(one) for one, piece in zip(parameters, pieces, strict=True)
        }

    def of(self, parameter: Tensor) -> Tensor:
        """Where the gradient of `parameter` is to be written; from now on it has one."""
        parameter.grad = self._of[id(parameter)]
        return parameter.grad

    def linear(self, weight: Tensor, d_out: Tensor, inputs: Tensor) -> None:
        """That of `weight` `[out, in]`; the product is quicker with the smaller side first."""
        if weight.shape[0] <= weight.shape[1]:
            torch.mm(d_out.t(), inputs, out=self.of(weight))
        else:
            self.of(weight).copy_((inputs.t() @ d_out).t())

    def clip(self, max_norm: float) -> None:
        """Shrink all of them together to `max_norm`, as `torch.nn.utils.clip_grad_norm_` does."""
        norm = float(self._flat.norm())
        if not norm <= max_norm:
            self._flat.mul_(max_norm / (norm + 1e-6))


class _Memory:
    """An LSTM of one layer, and what its last chunk left behind."""

    def __init__(self, lstm: Any) -> None:
        self._lstm = lstm
        self._halves = torch.full((4 * lstm.hidden_size, 1), 0.5)
        self._halves[2 * lstm.hidden_size : 3 * lstm.hidden_size] = 1.0  # see the kernel
        self._room: dict[tuple[int, int], tuple[Tensor, ...]] = {}
        self._left: tuple[Tensor, ...] = ()

    def _buffers(self, steps: int, n: int) -> tuple[Tensor, ...]:
        if (steps, n) not in self._room:
            units = self._lstm.hidden_size
            self._room[steps, n] = (
                torch.empty(steps, n, 4 * units),
                torch.empty(steps + 1, n, units),
                torch.empty(steps + 1, n, units),
                torch.empty(steps, n, units),
            )
        return self._room[steps, n]

    def prepared(self) -> tuple[Tensor, Tensor, Tensor]:
        """Input weights, recurrent weights and bias, as the kernel takes them."""
        lstm = self._lstm
        return (
            (lstm.weight_ih_l0 * self._halves).t().contiguous(),
            (lstm.weight_hh_l0 * self._halves).t().contiguous(),
            (lstm.bias_ih_l0 + lstm.bias_hh_l0) * self._halves[:, 0],
        )

    def forward(self, inputs: Tensor, memory: Memory, keep: Tensor) -> Tensor:
        """Outputs of a chunk `[steps * n, units]`."""
        steps, n, _ = inputs.shape
        gates, hidden, cells, before = self._buffers(steps, n)
        into, weights, bias = self.prepared()
        flat = inputs.flatten(0, 1)
        torch.addmm(bias, flat, into, out=gates.view(steps * n, -1))
        hidden[0], cells[0] = memory[0][0], memory[1][0]
        fused_kernel.forward(
            gates.numpy(),
            keep.numpy(),
            weights.numpy(),
            hidden.numpy(),
            cells.numpy(),
            before.numpy(),
        )
        self._left = (flat, gates, cells, before, keep)
        return hidden[1:].flatten(0, 1)

    def backward(self, d_out: Tensor, gradients: _Gradients) -> None:
        """Set the gradients of all parameters."""
        lstm = self._lstm
        flat, gates, cells, before, keep = self._left
        d_memory = torch.zeros(2, *before.shape[1:])
        weights = lstm.weight_hh_l0.t().contiguous()
        fused_kernel.backward(
            d_out.view_as(before).numpy(),
            gates.numpy(),
            cells.numpy(),
            keep.numpy(),
            weights.numpy(),
            d_memory[0].numpy(),
            d_memory[1].numpy(),
        )
        d_gates = gates.flatten(0, 1)
        gradients.linear(lstm.weight_ih_l0, d_gates, flat)
        gradients.linear(lstm.weight_hh_l0, d_gates, before.flatten(0, 1))
        bias = torch.sum(d_gates, 0, out=gradients.of(lstm.bias_ih_l0))
        gradients.of(lstm.bias_hh_l0).copy_(bias)


class _Layers:
    """Linear layers with tanh between them, and what the last forward pass left behind."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self._layers = layers
        self._left: list[Tensor] = []

    def prepared(self) -> tuple[Arrays, Arrays]:
        """Weights and biases, as the kernel takes them."""
        return (
            tuple(layer.weight.t().contiguous().numpy() for layer in self._layers),
            tuple(layer.bias.detach().numpy() for layer in self._layers),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        self._left = [inputs]
        for layer in self._layers:
            if len(self._left) > 1:
                fused_kernel.activate(self._left[-1].numpy())
            self._left.append(torch.addmm(layer.bias, self._left[-1], layer.weight.t()))
        return self._left.pop()

    def backward(self, d_out: Tensor, gradients: _Gradients) -> Tensor:
        """Set the gradients of all parameters; returns that of the inputs."""
        for layer, inputs in zip(reversed(self._layers), reversed(self._left), strict=True):
            gradients.linear(layer.weight, d_out, inputs)
            torch.sum(d_out, 0, out=gradients.of(layer.bias))
            d_out = d_out @ layer.weight
            if layer is not self._layers[0]:
                fused_kernel.differentiate(d_out.numpy(), inputs.numpy())
        return d_out


class FusedPolicy:
    """Sampling and PPO gradients of a recurrent policy on the processor.

    Make one with `of`, which returns None for policies that it can't stand in for.
    """

    def __init__(self, policy: Any) -> None:
        self._memory = _Memory(policy.lstm_actor)
        self._critic_memory = None if policy.lstm_critic is None else _Memory(policy.lstm_critic)
        nets = policy.mlp_extractor
        self._actor, self._critic = (
            _Layers([*(layer for layer in net if isinstance(layer, nn.Linear)), head])
            for net, head in (
                (nets.policy_net, policy.action_net),
                (nets.value_net, policy.value_net),
            )
        )
        self._log_std: nn.Parameter | None = getattr(policy, "log_std", None)
        self._gradients = _Gradients(list(policy.parameters()))
        self.prepare()

    @staticmethod
    def of(policy: Any) -> FusedPolicy | None:
        """Stand in for `policy`, or None where it has parts that are not known here.

        Known are Box observations, one LSTM layer for both or one for each of actor and critic,
        layers with tanh, and Discrete or Box actions, all in single precision on the processor.
        """
        nets = (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net)
        lstms = [one for one in (policy.lstm_actor, policy.lstm_critic) if one is not None]
        known = (
            (policy.lstm_critic is not None or policy.shared_lstm)
            and type(policy.features_extractor) is FlattenExtractor
            and isinstance(policy.observation_space, spaces.Box)
            and not is_image_space(policy.observation_space)
            and isinstance(policy.action_space, spaces.Discrete | spaces.Box)
            and not policy.use_sde
            and not getattr(policy, "squash_output", False)
            and all(
                type(one) is nn.LSTM
                and one.num_layers == 1
                and one.bias
                and one.proj_size == 0
                and not one.bidirectional
                and not one.batch_first
                for one in lstms
            )
            and all(type(layer) in (nn.Linear, nn.Tanh) for net in nets for layer in net)
            and all(
                isinstance(layer, nn.Tanh) == bool(k % 2)
                for net in nets
                for k, layer in enumerate(net)
            )
            and all(len(net) % 2 == 0 for net in nets)
            and all(
                one.device.type == "cpu" and one.dtype == torch.float32
                for one in policy.parameters()
            )
        )
        return FusedPolicy(policy) if known else None

    @torch.no_grad()
    def prepare(self) -> None:
        """Read the parameters for `act` and `value`; to be called whenever they have changed."""
        self._ready = tuple(one.numpy() for one in self._memory.prepared())
        self._critic_ready: Arrays | None = None
        if self._critic_memory is not None:
            self._critic_ready = tuple(one.numpy() for one in self._critic_memory.prepared())
        self._actor_ready, self._critic_head = self._actor.prepared(), self._critic.prepared()

    def act(
        self, inputs: Tensor, pi: Memory, vf: Memory, starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Memory, Memory]:
        """Sample one step: actions, values `[n]`, log-probabilities `[n]` and both memories.

        Args:
            inputs: Observations `[n, features]`.
            pi: The actor's memory.
            vf: The critic's.
            starts: 1 where an episode begins, `[n]`.
        """
        seen, keep = inputs.numpy(), np.float32(1.0) - starts.numpy()
        pi = _remembered(seen, keep, pi, self._ready)
        logits = fused_kernel.layers(pi[0][0].numpy(), *self._actor_ready)
        vf = pi if self._critic_ready is None else _remembered(seen, keep, vf, self._critic_ready)
        values = fused_kernel.layers(vf[0][0].numpy(), *self._critic_head)[:, 0]
        n = len(seen)
        if self._log_std is None:
            actions = torch.empty(n, dtype=torch.int64)
            log_prob = torch.empty(n)
            fused_kernel.sample(logits, torch.rand(n).numpy(), actions.numpy(), log_prob.numpy())
        else:
            noise, log_std = torch.randn(logits.shape), self._log_std.detach()
            actions = torch.from_numpy(logits) + noise * log_std.exp()
            log_prob = (-0.5 * noise.square() - log_std - 0.5 * np.log(2 * np.pi)).sum(1)
        return actions, torch.from_numpy(values), log_prob, pi, vf

    def log_prob(
        self, inputs: Tensor, pi: Memory, starts: Tensor, actions: Tensor
    ) -> tuple[Tensor, Memory]:
        """Log-probabilities `[n]` of given actions in a step, and the actor's memory after it."""
        keep = np.float32(1.0) - starts.numpy()
        pi = _remembered(inputs.numpy(), keep, pi, self._ready)
        scores = torch.from_numpy(fused_kernel.layers(pi[0][0].numpy(), *self._actor_ready))
        if self._log_std is None:
            return scores.log_softmax(1).gather(1, actions[:, None])[:, 0], pi
        log_std = self._log_std.detach()
        z = (actions - scores) * torch.exp(-log_std)
        return (-0.5 * z.square() - log_std - 0.5 * np.log(2 * np.pi)).sum(1), pi

    def value(self, inputs: Tensor, pi: Memory, vf: Memory, starts: Tensor) -> Tensor:
        """Values of a step `[n]`, without taking it."""
        memory, ready = (
            (pi, self._ready) if self._critic_ready is None else (vf, self._critic_ready)
        )
        after = _remembered(inputs.numpy(), np.float32(1.0) - starts.numpy(), memory, ready)
        return torch.from_numpy(fused_kernel.layers(after[0][0].numpy(), *self._critic_head)[:, 0])

    def clip_gradients(self, max_norm: float) -> None:
        """Shrink all gradients together to a norm of at most `max_norm`."""
        self._gradients.clip(max_norm)

    def set_gradients(
        self,
        batch: Any,
        advantages: Tensor,
        *,
        clip: float,
        clip_vf: float | None,
        ent_coef: float,
        vf_coef: float,
    ) -> LossTerms:
        """Set the gradient of every parameter to that of PPO's loss on whole chunks.

        Args:
            batch: Rollout of some environments (see `slowturn.agents.chunked_ppo`).
            advantages: Advantages, normalised where they are to be, `[steps * n]`.
            clip: Clip range of the probability ratio.
            clip_vf: Clip range of the value function; None for none.
            ent_coef: Weight of the entropy.
            vf_coef: Weight of the value function's error.
        """
        keep = 1.0 - batch.starts
        out = seen = self._memory.forward(batch.observations, batch.pi, keep)
        if self._critic_memory is not None:
            seen = self._critic_memory.forward(batch.observations, batch.vf, keep)
        logits, values = self._actor.forward(out), self._critic.forward(seen)
        played, old = batch.actions.flatten(0, 1), batch.log_prob.flatten()
        if self._log_std is None:
            gain, entropy, divergence = fused_kernel.categorical_loss(
                logits.numpy(),
                played.numpy(),
                old.numpy(),
                advantages.numpy(),
                np.float32(clip),
                np.float32(ent_coef),
            )
        else:
            slope = torch.empty_like(self._log_std)
            log_std = self._log_std.detach()
            gain, divergence = fused_kernel.gaussian_loss(
                logits.numpy(),
                log_std.numpy(),
                played.flatten(1).numpy(),
                old.numpy(),
                advantages.numpy(),
                np.float32(clip),
                slope.numpy(),
            )
            entropy = float((log_std + 0.5 * np.log(2 * np.pi * np.e)).sum())
            if self._log_std.requires_grad:
                self._gradients.of(self._log_std).copy_(slope - ent_coef)
        error = fused_kernel.value_loss(
            values[:, 0].numpy(),
            batch.returns.flatten().numpy(),
            batch.values.flatten().numpy(),
            np.float32(np.inf if clip_vf is None else clip_vf),
            np.float32(vf_coef),
        )
        self._memory.backward(self._actor.backward(logits, self._gradients), self._gradients)
        d_seen = self._critic.backward(values, self._gradients)
        if self._critic_memory is not None:  # a shared memory learns from the actor alone
            self._critic_memory.backward(d_seen, self._gradients)
        return LossTerms(gain, entropy, error, divergence)


def _remembered(
    seen: NDArray[np.float32], keep: NDArray[np.float32], memory: Memory, ready: Arrays
) -> Memory:
    """Memory after one more step."""
    hidden, cells = (one[0].numpy() for one in memory)
    out, cell = fused_kernel.remember(seen, keep, hidden, cells, *ready)
    return torch.from_numpy(out)[None], torch.from_numpy(cell)[None]
