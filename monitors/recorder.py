"""Recording what goes on inside a policy: one row per environment step, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slowturn.monitors.errors import MonitorError, unknown_name

__all__ = ["ModuleWatch", "Recorder", "Scripted", "StepRecord", "policy_head"]


class StepRecord(NamedTuple):
    """One forward pass of a policy on `n` parallel environments.

    `logits` is None for a policy without action logits (continuous or value-based ones),
    `value` is None without a critic that sees states alone.
    """

    actions: NDArray[Any]
    logits: NDArray[np.float32] | None
    value: NDArray[np.float32] | None
    activations: dict[str, NDArray[np.float32]]


@runtime_checkable
class Scripted(Protocol):
    """A policy of your own that reports its state itself instead of being hooked."""

    layers: tuple[str, ...]

    def record_step(self, observations: Any, state: Any, episode_start: Any) -> Any:
        """Return `logits`, `value`, `activations` (tensors, by layer) and the next `state`."""


class ModuleWatch:
    """Records the outputs of named submodules of any `torch.nn.Module` while it runs.

    Use it as a context manager around exactly one forward pass per environment step; `take`
    then returns that step's row per layer, and refuses if a layer ran more or less than once
    (Stable-Baselines3 runs some modules again when it evaluates actions).

    Args:
        module: The network.
        layers: Names as in `module.named_modules()`.
        outputs: Reduce a layer's output to the tensor to keep; by default a tensor itself, the
            first item of a tuple.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> with ModuleWatch(net, ["1"]) as watch:
        ...     _ = net(torch.zeros(3, 4))
        ...     watch.take()["1"].shape
        (3, 8)
    """

    def __init__(
        self,
        module: nn.Module,
        layers: list[str] | tuple[str, ...],
        outputs: Callable[[Any], Tensor] | None = None,
    ) -> None:
        known = dict(module.named_modules())
        for layer in layers:
            if layer not in known or not layer:
                raise unknown_name("layer", layer, [name for name in known if name])
        self._modules = {layer: known[layer] for layer in layers}
        self._outputs = outputs or (lambda out: out[0] if isinstance(out, tuple) else out)
        self._seen: dict[str, list[Tensor]] = {layer: [] for layer in layers}
        self._handles: list[Any] = []

    def __enter__(self) -> ModuleWatch:
        for layer, module in self._modules.items():

            def keep(_module: nn.Module, _args: Any, out: Any, layer: str = layer) -> None:
                self._seen[layer].append(self._outputs(out).detach())

            self._handles.append(module.register_forward_hook(keep))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def take(self) -> dict[str, NDArray[np.float32]]:
        """Rows of the step just run, by layer, `[n, units]`; forgets them."""
        seen, self._seen = self._seen, {layer: [] for layer in self._modules}
        for layer, outputs in seen.items():
            if len(outputs) != 1:
                raise MonitorError(
                    f"layer {layer!r} ran {len(outputs)} times in this step, not once: call "
                    "take() after every single forward pass of the policy, and watch no module "
                    "that training or evaluate_actions() also runs."
                )
        return {
            layer: outputs[0].reshape(len(outputs[0]), -1).float().cpu().numpy()
            for layer, outputs in seen.items()
        }


def policy_head(policy: Any) -> Callable[[Tensor], Tensor]:
    """The differentiable part of an SB3 actor from its body's output to action logits.

    For a recurrent policy the body's output is layer `lstm.h`, for a feed-forward one `features`.

    Raises:
        MonitorError: If the policy has no action logits.
    """
    if isinstance(policy, Scripted) and hasattr(policy, "head"):
        return cast("Callable[[Tensor], Tensor]", policy.head)
    if not hasattr(policy, "mlp_extractor") or not hasattr(policy.action_space, "n"):
        raise MonitorError(
            f"{type(policy).__name__} has no head from latents to the logits of discrete actions; "
            "pass your own differentiable head."
        )

    def head(latents: Tensor) -> Tensor:
        return cast("Tensor", policy.action_net(policy.mlp_extractor.forward_actor(latents)))

    return head


class Recorder:
    """Drives a policy and records its inside: exactly one row per environment step.

    Understands every SB3 actor-critic policy, feed-forward (PPO, A2C) and recurrent
    (sb3-contrib's RecurrentPPO), scripted policies that report themselves (`Scripted`), and, for
    `layers` named as in `policy.named_modules()`, any other SB3 policy (DQN, SAC, TD3). Actions,
    logits, value and activations come from the same single forward pass. Recurrent state is kept
    here and cut where `episode_start` says so, so autoresetting vector environments are recorded
    correctly in batch.

    Layers of actor-critic policies: `features`, `latent.pi`, `latent.vf` and, for recurrent ones,
    `lstm.h` and `lstm.c` (the actor's, all layers side by side); submodule names work as well.

    Args:
        policy: The policy (for an SB3 model: `model.policy`).
        layers: Activations to keep; by default all standard ones.
        seed: Seed of the sampled actions; every recorder has its own generator.

    Raises:
        MonitorError: For an unknown layer or a policy it cannot read.
    """

    def __init__(
        self, policy: Any, layers: tuple[str, ...] | list[str] | None = None, *, seed: int = 0
    ) -> None:
        self.policy = policy
        self._kind = _kind_of(policy)
        standard = _standard_layers(policy, self._kind)
        self.layers = tuple(standard if layers is None else layers)
        self._hooked = tuple(name for name in self.layers if name not in standard)
        if self._hooked and not isinstance(policy, nn.Module):
            raise unknown_name("layer", self._hooked[0], standard)
        if self._hooked:
            known = [name for name, _ in policy.named_modules() if name]
            for name in self._hooked:
                if name not in known:
                    raise unknown_name("layer", name, [*standard, *known])
        self._generator = torch.Generator().manual_seed(seed % 2**63)
        self._state: Any = None
        if isinstance(policy, nn.Module):
            policy.train(False)

    def reset(self) -> None:
        """Forget all recurrent state: the next step begins new episodes everywhere."""
        self._state = None

    def step(
        self,
        observations: NDArray[Any],
        episode_start: NDArray[np.bool_] | None = None,
        *,
        deterministic: bool = False,
        actions: NDArray[Any] | None = None,
    ) -> StepRecord:
        """Run the policy once on `n` environments.

        Args:
            observations: Batched observations `[n, ...]`.
            episode_start: Where a new episode begins with this observation, `[n]`; by default
                everywhere on the first call and nowhere after it.
            deterministic: Take the most probable action instead of sampling.
            actions: Actions already taken, when a policy only reads along; none are drawn then.
        """
        n = len(observations)
        if episode_start is None:
            episode_start = np.full(n, self._state is None)
        if len(episode_start) != n:
            raise MonitorError(
                f"Recorder.step: episode_start must have {n} entries, got {len(episode_start)}."
            )
        with torch.no_grad():
            if self._hooked:
                with ModuleWatch(self.policy, self._hooked) as watch:
                    record = self._run(observations, episode_start, deterministic, actions)
                    record.activations.update(watch.take())
            else:
                record = self._run(observations, episode_start, deterministic, actions)
        return record

    def _run(
        self,
        observations: NDArray[Any],
        start: NDArray[np.bool_],
        deterministic: bool,
        actions: NDArray[Any] | None,
    ) -> StepRecord:
        if self._kind == "scripted":
            step = self.policy.record_step(observations, self._state, start)
            self._state = step.state
            found, logits, value = dict(step.activations), step.logits, step.value
        elif self._kind == "other":
            tensor, _ = self.policy.obs_to_tensor(observations)
            chosen = self.policy._predict(tensor, deterministic=deterministic)
            return StepRecord(chosen.cpu().numpy(), None, None, {})
        else:
            found, logits, value = self._actor_critic(observations, start)
        kept = {name: _rows(found[name]) for name in self.layers if name not in self._hooked}
        if actions is None:
            actions = self._choose(logits, found.get("latent.pi"), deterministic)
        keep_logits = self._kind == "scripted" or hasattr(self.policy.action_space, "n")
        return StepRecord(
            actions,
            logits.float().cpu().numpy() if keep_logits else None,
            None if value is None else value.float().cpu().numpy().reshape(-1),
            kept,
        )

    def _actor_critic(
        self, observations: NDArray[Any], start: NDArray[np.bool_]
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        policy = self.policy
        tensor, _ = policy.obs_to_tensor(observations)
        features = policy.extract_features(tensor)
        actor, critic = features if isinstance(features, tuple) else (features, features)
        found: dict[str, Tensor] = {"features": actor}
        if self._kind == "recurrent":
            actor, critic = self._recur(actor, critic, start, found)
        latent_pi = policy.mlp_extractor.forward_actor(actor)
        latent_vf = policy.mlp_extractor.forward_critic(critic)
        found |= {"latent.pi": latent_pi, "latent.vf": latent_vf}
        return found, policy.action_net(latent_pi), policy.value_net(latent_vf)

    def _recur(
        self, actor: Tensor, critic: Tensor, start: NDArray[np.bool_], found: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        policy, n = self.policy, len(actor)

        def fresh(lstm: nn.LSTM) -> tuple[Tensor, Tensor]:
            shape = (lstm.num_layers, n, lstm.hidden_size)
            return torch.zeros(shape, device=actor.device), torch.zeros(shape, device=actor.device)

        if self._state is None:
            own_critic = policy.lstm_critic
            self._state = (
                fresh(policy.lstm_actor),
                None if own_critic is None else fresh(own_critic),
            )
        before, before_vf = self._state
        if before[0].shape[1] != n:
            raise MonitorError(
                f"Recorder.step: {n} observations after {before[0].shape[1]}; call reset() first."
            )
        keep: Tensor | None = None
        if start.any():
            keep = torch.as_tensor(~start, dtype=torch.float32, device=actor.device)[None, :, None]

        def advance(lstm: nn.LSTM, x: Tensor, memory: tuple[Tensor, Tensor]) -> Any:
            h, c = memory if keep is None else (memory[0] * keep, memory[1] * keep)
            out, after = lstm(x[None], (h, c))
            return out[0], after

        out, after = advance(policy.lstm_actor, actor, before)
        after_vf = None
        if policy.lstm_critic is not None:
            out_vf, after_vf = advance(policy.lstm_critic, critic, before_vf)
        else:
            out_vf = out if policy.shared_lstm else policy.critic(critic)
        self._state = (after, after_vf)
        h, c = (memory.transpose(0, 1).reshape(n, -1) for memory in after)
        found |= {"lstm.h": h, "lstm.c": c}
        return out, out_vf

    def _choose(self, logits: Tensor, latent: Tensor | None, deterministic: bool) -> NDArray[Any]:
        if self._kind == "scripted" or _is_categorical(self.policy):
            if deterministic:
                return logits.argmax(dim=1).cpu().numpy()
            noise = torch.rand(logits.shape, generator=self._generator).to(logits.device)
            gumbel = -torch.log(-torch.log(noise.clamp(1e-20, 1.0 - 1e-7)))
            return (logits + gumbel).argmax(dim=1).cpu().numpy()
        with torch.random.fork_rng(devices=[]):
            seed = int(torch.randint(2**62, (1,), generator=self._generator))
            torch.manual_seed(seed)
            distribution = self.policy._get_action_dist_from_latent(latent)
            chosen = distribution.get_actions(deterministic=deterministic)
        return cast("NDArray[Any]", chosen.cpu().numpy())

    def logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits of this policy on whole histories of somebody else, `[episode, step, n_actions]`.

        Args:
            observations: Histories `[episode, step, d]`; the policy reads along from fresh state.
        """
        return self.read(observations)["logits"]

    def read(self, observations: NDArray[Any]) -> Mapping[str, NDArray[np.float32]]:
        """Read along whole histories: `logits` and every layer, `[episode, step, ...]`."""
        self.reset()
        rows: dict[str, list[NDArray[np.float32]]] = {}
        nobody = np.zeros(len(observations), np.int64)
        for t in range(observations.shape[1]):
            record = self.step(observations[:, t], actions=nobody)
            if record.logits is None:
                raise MonitorError(f"{type(self.policy).__name__} has no action logits to read.")
            for name, array in {"logits": record.logits, **record.activations}.items():
                rows.setdefault(name, []).append(array)
        self.reset()
        return {name: np.stack(arrays, axis=1) for name, arrays in rows.items()}

    def step_logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits for the next observation of histories that are read along, `[n, n_actions]`."""
        record = self.step(observations, actions=np.zeros(len(observations), np.int64))
        if record.logits is None:
            raise MonitorError(f"{type(self.policy).__name__} has no action logits to read.")
        return record.logits


def _kind_of(policy: Any) -> str:
    if isinstance(policy, Scripted):
        return "scripted"
    if all(hasattr(policy, part) for part in ("mlp_extractor", "action_net", "value_net")):
        return "recurrent" if hasattr(policy, "lstm_actor") else "feedforward"
    if all(hasattr(policy, part) for part in ("_predict", "obs_to_tensor", "named_modules")):
        return "other"
    raise MonitorError(
        f"Recorder cannot read a {type(policy).__name__}: pass an SB3 policy (model.policy), a "
        "policy with record_step (see Scripted), or use ModuleWatch around your own forward pass."
    )


def _standard_layers(policy: Any, kind: str) -> tuple[str, ...]:
    if kind == "scripted":
        return tuple(policy.layers)
    if kind == "other":
        return ()
    body = ("lstm.h", "lstm.c") if kind == "recurrent" else ()
    return ("features", *body, "latent.pi", "latent.vf")


def _is_categorical(policy: Any) -> bool:
    return hasattr(policy.action_space, "n") and policy.action_space.shape == ()


def _rows(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.reshape(len(tensor), -1).float().cpu().numpy()
