"""Recording what goes on inside a policy: one row per environment step, in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slowturn.monitors.errors import MonitorError, unknown_name
from slowturn.monitors.module_watch import ModuleWatch, rows_of
from slowturn.monitors.readers import reader_for
from slowturn.monitors.trace import Trace

__all__ = ["Recorder", "StepRecord"]


class StepRecord(NamedTuple):
    """One forward pass of a policy on `n` parallel environments.

    Attributes:
        actions: What to do, `[n]` for discrete actions, in the form that SB3's `predict` returns
            it: clipped to the space or rescaled from a squashed one.
        logits: What the action is drawn from: `[n, n_actions]` for a policy of one discrete choice;
            for a Gaussian actor on a Box of `k` components their means and the logarithms of
            their standard deviations side by side, `[n, 2 k]`; else None: record the layer
            `action_net` of MultiDiscrete, MultiBinary and gSDE actors, `q_net` of DQN.
        value: `[n]`; None without a critic of states.
        activations: By layer, each `[n, units]`.
    """

    actions: NDArray[Any]
    logits: NDArray[np.float32] | None
    value: NDArray[np.float32] | None
    activations: dict[str, NDArray[np.float32]]

    def trace(
        self, observations: NDArray[Any] | None = None, ledger: NDArray[Any] | None = None
    ) -> Trace:
        """This step as a trace of shape (n, 1); `Trace.join` puts steps one after the other.

        Args:
            observations: What the policy saw at this step, `[n, d]`.
            ledger: Public record of this step's actions, `[n]`.
        """
        single: dict[str, Any] = {
            "observations": observations,
            "actions": self.actions,
            "ledger": ledger,
            "logits": self.logits,
            "value": self.value,
        }
        layers = {name: array[:, None] for name, array in self.activations.items()}
        single = {k: np.asarray(v)[:, None] for k, v in single.items() if v is not None}
        return Trace(**single, activations=layers)


class Recorder:
    """Drives a policy and records its inside: exactly one row per environment step.

    Understands every SB3 actor-critic policy, feed-forward (PPO, A2C) and recurrent
    (sb3-contrib's RecurrentPPO), scripted policies that report themselves (`Scripted`), and, for
    `layers` named as in `policy.named_modules()`, any other SB3 policy (DQN, SAC, TD3). Actions,
    logits, value and activations come from the same single forward pass. Recurrent state is kept
    here and cut where `episode_start` says so, so autoresetting vector environments are recorded
    correctly in batch. Like SB3's `predict`, it puts the policy in evaluation mode.

    Layers of actor-critic policies: `features`, `latent.pi`, `latent.vf` and, for recurrent ones,
    `lstm.h` and `lstm.c` (the actor's, all layers side by side); submodule names work as well.

    Args:
        policy: The policy (for an SB3 model: `model.policy`).
        layers: Activations to keep; by default all standard ones.
        seed: Seed of the sampled actions; every recorder has its own generator, and the global
            ones are left as they were.

    Raises:
        MonitorError: For an unknown layer or a policy it cannot read.
    """

    def __init__(self, policy: Any, layers: Sequence[str] | None = None, *, seed: int = 0) -> None:
        self.policy = policy
        self._reader = reader_for(policy)
        standard = self._reader.layers
        self.layers = tuple(standard if layers is None else layers)
        hooked = [name for name in self.layers if name not in standard]
        modules = dict(policy.named_modules()) if isinstance(policy, nn.Module) else {}
        for name in hooked:
            if name not in modules or not name:
                raise unknown_name("layer", name, [*standard, *filter(None, modules)])
        self._watch = ModuleWatch(policy, hooked) if hooked else None
        self._seed = int(seed)
        self._generator = torch.Generator().manual_seed(self._seed % 2**63)
        self._state: Any = None

    def reset(self) -> None:
        """Forget all recurrent state: the next step begins new episodes everywhere."""
        self._state = None

    def fork(self) -> Recorder:
        """Another recorder of the same policy and layers, with a state of its own."""
        return Recorder(self.policy, self.layers, seed=self._seed)

    def step(
        self,
        observations: Any,
        episode_start: Any = None,
        *,
        deterministic: bool = False,
        actions: NDArray[Any] | None = None,
    ) -> StepRecord:
        """Run the policy once on `n` environments.

        Args:
            observations: Batched observations `[n, ...]`, or a dict of such.
            episode_start: Where a new episode begins with this observation, `[n]`; by default
                everywhere on the first call and nowhere after it.
            deterministic: Take the most probable action instead of sampling.
            actions: Actions already taken, when a policy only reads along; none are drawn then.

        Raises:
            MonitorError: If the observations are not batched, or their number changes without
                `reset`.
        """
        inputs, n = self._reader.prepare(observations)
        if episode_start is None:
            start = np.full(n, self._state is None)
        else:
            start = np.asarray(episode_start, np.bool_)
        if start.shape != (n,):
            raise MonitorError(
                f"Recorder.step: episode_start must have shape ({n},), got {start.shape}."
            )
        if self._reader.masked and actions is None:
            raise MonitorError(
                f"Recorder.step: {type(self.policy).__name__} draws its actions under a mask that "
                "a recorder does not see: draw them with policy.predict(..., action_masks=...) "
                "and pass actions=."
            )
        greedy = deterministic or actions is not None
        if isinstance(self.policy, nn.Module):
            self.policy.train(mode=False)
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            if self._watch is not None:
                stack.enter_context(self._watch)
            if self._reader.draws and not greedy:
                stack.enter_context(self._own_noise())
            seen = self._reader.run(inputs, self._state, start, greedy=greedy)
            hooked = {} if self._watch is None else self._watch.take()
        self._state = seen.state
        found = {name: rows_of(seen.activations[name]) for name in self._direct()} | hooked
        if actions is None:
            actions = self._choose(seen.logits, seen.actions, greedy=greedy)
        return StepRecord(
            np.asarray(actions),
            None if seen.logits is None else rows_of(seen.logits),
            None if seen.value is None else rows_of(seen.value.reshape(n, 1))[:, 0],
            {name: found[name] for name in self.layers},
        )

    def _direct(self) -> list[str]:
        return [name for name in self.layers if name in self._reader.layers]

    @contextmanager
    def _own_noise(self) -> Iterator[None]:
        """Let policies that draw from torch's global generator draw from this recorder's."""
        seed = int(torch.randint(2**62, (1,), generator=self._generator))
        device = torch.device(getattr(self.policy, "device", "cpu"))
        on_gpu = device.type == "cuda"
        with torch.random.fork_rng(devices=[device] if on_gpu else []):
            # torch.manual_seed would reseed every GPU too, also ones that are not forked here.
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            yield

    def _choose(self, logits: Tensor | None, drawn: Tensor | None, *, greedy: bool) -> NDArray[Any]:
        if logits is not None and self._reader.gaussian:
            drawn, log_std = logits.chunk(2, dim=1)
            if not greedy:
                noise = torch.randn(drawn.shape, generator=self._generator)
                drawn = drawn + log_std.exp() * noise.to(drawn.device)
        elif logits is not None:
            if not greedy:
                # Gumbel's trick, in float64: in float32 its tail ends at 1 in 1e7.
                uniform = torch.rand(
                    logits.shape, generator=self._generator, dtype=torch.float64
                ).to(logits.device)
                logits = logits.double() - torch.log(-torch.log(uniform))
            return np.array(logits.argmax(dim=1).cpu().numpy())
        if drawn is None:
            raise MonitorError(f"{type(self.policy).__name__} has drawn no actions.")
        space = self.policy.action_space
        actions: NDArray[Any] = drawn.cpu().numpy().reshape((-1, *space.shape))
        if hasattr(space, "low") and hasattr(space, "high"):  # a Box: as BasePolicy.predict
            if self.policy.squash_output:
                return np.asarray(self.policy.unscale_action(actions))
            return np.asarray(np.clip(actions, space.low, space.high))
        return np.array(actions)

    def logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits of this policy on whole histories of somebody else, `[episode, step, width]`.

        Of a Gaussian actor, the parameters that `StepRecord` puts in their place.

        Args:
            observations: Histories `[episode, step, d]`; the policy reads along from fresh state,
                and what this recorder remembers is left alone.

        Raises:
            MonitorError: If the policy has neither.
        """
        rows = Recorder(self.policy, ()).read(observations)
        if "logits" not in rows:
            raise MonitorError(f"{type(self.policy).__name__} has no action logits to read.")
        return rows["logits"]

    def read(self, observations: NDArray[Any]) -> Mapping[str, NDArray[np.float32]]:
        """Read along whole histories `[episode, step, ...]`: every layer, and `logits` if any.

        Starts from fresh state; what this recorder remembers is left alone.
        """
        reader = self.fork()
        rows: dict[str, list[NDArray[np.float32]]] = {}
        nobody = np.zeros(len(observations), np.int64)
        for t in range(observations.shape[1]):
            record = reader.step(observations[:, t], actions=nobody)
            logits = {} if record.logits is None else {"logits": record.logits}
            for name, array in {**logits, **record.activations}.items():
                rows.setdefault(name, []).append(array)
        return {name: np.stack(arrays, axis=1) for name, arrays in rows.items()}

    def step_logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits for the next observations `[n, d]` of histories read along, `[n, width]`."""
        record = self.step(observations, actions=np.zeros(len(observations), np.int64))
        if record.logits is None:
            raise MonitorError(f"{type(self.policy).__name__} has no action logits to read.")
        return record.logits
