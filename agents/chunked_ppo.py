"""RecurrentPPO without padding: whole chunks of fixed length through the LSTM at once.

sb3-contrib cuts rollouts into sequences, pads them to equal length and shuffles single steps.
Here a minibatch is a set of environments with all their steps of the rollout, so that one fused
LSTM call reads it; where episodes begin inside it, memory is cut exactly there. The usual policies
skip torch's graph as well (see `slowturn.agents.fused`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn
from torch.nn import functional

from slowturn.agents.evasion import Thought, drawn_from
from slowturn.agents.fused import FusedPolicy, Memory
from slowturn.agents.reward_terms import RewardTerm, Step

__all__ = ["ChunkedPPO", "run_lstm"]


class _Rollout(NamedTuple):
    """One rollout, arrays `[steps, n, ...]`, and the memory at its start."""

    observations: Tensor
    actions: Tensor
    starts: Tensor
    values: Tensor
    log_prob: Tensor
    advantages: Tensor
    returns: Tensor
    pi: Memory
    vf: Memory

    def of(self, envs: Tensor) -> _Rollout:
        """The same of some environments only."""
        return _Rollout(
            self.observations[:, envs],
            self.actions[:, envs],
            self.starts[:, envs],
            self.values[:, envs],
            self.log_prob[:, envs],
            self.advantages[:, envs],
            self.returns[:, envs],
            (self.pi[0][:, envs], self.pi[1][:, envs]),
            (self.vf[0][:, envs], self.vf[1][:, envs]),
        )


def run_lstm(
    lstm: nn.LSTM, inputs: Tensor, memory: Memory, starts: Tensor
) -> tuple[Tensor, Memory]:
    """Read a chunk `[steps, n, features]`, forgetting memory where `starts` `[steps, n]` is 1.

    Between steps at which any episode begins, all of it is one call.
    """
    cuts = [0, *(torch.nonzero(starts[1:].any(dim=1))[:, 0] + 1).tolist(), len(inputs)]
    outputs = []
    for begin, end in pairwise(cuts):
        keep = (1.0 - starts[begin])[None, :, None]
        out, memory = lstm(inputs[begin:end], (memory[0] * keep, memory[1] * keep))
        outputs.append(out)
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs)), memory


class ChunkedPPO(RecurrentPPO):
    """RecurrentPPO with the same constructor, policies, callbacks and saving, and no padding.

    Two things differ: `batch_size` counts steps but is made of whole chunks (it must be a multiple
    of `n_steps`), and infos are only read at the ends of episodes. Discrete and Box actions.

    Attributes:
        reward_terms: What is added to the rewards of the environment; empty at first, not saved.
        loss_terms: What is added to PPO's loss, from what the policy thinks in a minibatch;
            likewise. With any, gradients are torch's, which takes about twice as long.
    """

    reward_terms: Sequence[RewardTerm] = ()
    loss_terms: Sequence[Callable[[Thought], Tensor]] = ()

    def _setup_model(self) -> None:
        super()._setup_model()
        if cast("int", self.batch_size) % self.n_steps:
            raise ValueError(
                f"ChunkedPPO: batch_size must be a multiple of n_steps, {self.n_steps}, because "
                f"minibatches are whole chunks; got {self.batch_size}."
            )
        if not isinstance(self.action_space, spaces.Discrete | spaces.Box):
            raise ValueError(  # noqa: TRY004 - a value of a parameter, as SB3 reports it
                f"ChunkedPPO: actions must be Discrete or Box, got {self.action_space}; use "
                "RecurrentPPO."
            )
        if self.use_sde or isinstance(self.observation_space, spaces.Dict):
            raise ValueError(
                "ChunkedPPO: state-dependent exploration and Dict observations are left out; use "
                "RecurrentPPO."
            )
        self._chunk: _Rollout | None = None
        self._fused: FusedPolicy | None = None
        optimizer = self.policy.optimizer
        if type(optimizer) is torch.optim.Adam and self.device.type == "cpu":
            for group in optimizer.param_groups:  # the same steps, without a loop over tensors
                group["fused"] = True

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        self._fused = FusedPolicy.of(self.policy)
        return super()._setup_learn(*args, **kwargs)

    def _think(
        self, observations: Tensor, pi: Memory, vf: Memory, starts: Tensor
    ) -> tuple[Tensor, Tensor, Memory, Memory]:
        """Latents of actor and critic `[steps * n, units]` for a chunk, and the next memories."""
        extractor = cast("Any", self.policy).mlp_extractor
        out, out_vf, pi, vf = self._remember(observations, pi, vf, starts)
        return extractor.forward_actor(out), extractor.forward_critic(out_vf), pi, vf

    def _remember(
        self, observations: Tensor, pi: Memory, vf: Memory, starts: Tensor
    ) -> tuple[Tensor, Tensor, Memory, Memory]:
        """What actor and critic read from memory `[steps * n, units]`, and the next memories."""
        policy = cast("Any", self.policy)
        steps, n = observations.shape[:2]
        features = policy.extract_features(observations.flatten(0, 1))
        actor, critic = features if isinstance(features, tuple) else (features, features)
        out, pi = run_lstm(policy.lstm_actor, actor.view(steps, n, -1), pi, starts)
        if policy.lstm_critic is not None:
            out_vf, vf = run_lstm(policy.lstm_critic, critic.view(steps, n, -1), vf, starts)
            out_vf = out_vf.flatten(0, 1)
        elif policy.shared_lstm:
            out_vf, vf = out.flatten(0, 1).detach(), pi
        else:
            out_vf = policy.critic(critic)
        return out.flatten(0, 1), out_vf, pi, vf

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: Any,  # noqa: ARG002 - kept on the model instead, unpadded
        n_rollout_steps: int,
    ) -> bool:
        """Play `n_rollout_steps` steps in every environment."""
        policy = cast("RecurrentActorCriticPolicy", self.policy)
        policy.set_training_mode(mode=False)
        steps, n = n_rollout_steps, env.num_envs
        states = cast("Any", self._last_lstm_states)
        pi, vf = cast("Memory", states.pi), cast("Memory", states.vf)
        first_pi, first_vf = pi, vf
        seen = np.asarray(self._last_obs, np.float32)
        begun = np.asarray(self._last_episode_starts, np.float32)
        observations = np.zeros((steps, *seen.shape), np.float32)
        rewards, starts = np.zeros((steps, n), np.float32), np.zeros((steps, n), np.float32)
        kept: list[tuple[Tensor, Tensor, Tensor]] = []
        callback.on_rollout_start()
        if self._fused is not None:
            self._fused.prepare()
        with torch.no_grad():
            for t in range(steps):
                observations[t], starts[t] = seen, begun
                now = (
                    torch.from_numpy(seen).to(self.device),
                    torch.from_numpy(begun).to(self.device),
                )
                actions, values, log_prob, pi, vf = self._act(now[0], pi, vf, now[1])
                kept.append((actions, log_prob, values))
                following, rewards[t], dones, infos = env.step(self._playable(actions))
                seen, begun = np.asarray(following, np.float32), dones.astype(np.float32)
                for term in self.reward_terms:
                    rewards[t] += term(Step(*now, actions, log_prob, pi))
                self._last_obs, self._last_episode_starts = seen, dones
                self._last_lstm_states = cast("Any", RNNStates(pi, vf))
                self.num_timesteps += n
                callback.update_locals({"self": self, "infos": infos, "dones": dones})
                if not callback.on_step():
                    return False
                if dones.any():
                    rewards[t] += self._beyond_the_end(seen, dones, infos, pi, vf)
                    self._update_info_buffer(infos, dones)
            last = self._value_of(seen, begun, pi, vf)
        actions, log_prob, values = (torch.stack(one) for one in zip(*kept, strict=True))
        advantages = self._advantages(rewards, values.cpu().numpy(), starts, last)
        spread = torch.from_numpy(advantages).to(self.device)
        self._chunk = _Rollout(
            torch.from_numpy(observations).to(self.device),
            actions,
            torch.from_numpy(starts).to(self.device),
            values,
            log_prob,
            spread,
            spread + values,
            first_pi,
            first_vf,
        )
        callback.on_rollout_end()
        return True

    def _act(
        self, seen: Tensor, pi: Memory, vf: Memory, starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Memory, Memory]:
        """Sampled actions, values `[n]`, log-probabilities `[n]` and both memories."""
        if self._fused is not None:
            return self._fused.act(seen.flatten(1), pi, vf, starts)
        policy = cast("RecurrentActorCriticPolicy", self.policy)
        latent, latent_vf, pi, vf = self._think(seen[None], pi, vf, starts[None])
        distribution = policy._get_action_dist_from_latent(latent)
        actions = distribution.get_actions()
        values = policy.value_net(latent_vf)[:, 0]
        return actions, values, distribution.log_prob(actions), pi, vf

    def _playable(self, actions: Tensor) -> NDArray[Any]:
        chosen: NDArray[Any] = actions.cpu().numpy()
        if isinstance(self.action_space, spaces.Box):
            chosen = chosen.reshape(-1, *self.action_space.shape)
            return np.asarray(np.clip(chosen, self.action_space.low, self.action_space.high))
        return chosen

    def _value_of(
        self, observations: NDArray[np.float32], starts: NDArray[np.float32], pi: Memory, vf: Memory
    ) -> NDArray[np.float32]:
        seen = torch.from_numpy(observations).to(self.device)
        begun = torch.from_numpy(starts).to(self.device)
        if self._fused is not None:
            return np.asarray(self._fused.value(seen.flatten(1), pi, vf, begun).numpy())
        _, latent, _, _ = self._think(seen[None], pi, vf, begun[None])
        return np.asarray(self.policy.value_net(latent)[:, 0].cpu().numpy())

    def _beyond_the_end(
        self,
        following: NDArray[np.float32],
        dones: NDArray[np.bool_],
        infos: list[dict[str, Any]],
        pi: Memory,
        vf: Memory,
    ) -> NDArray[np.float32]:
        """What truncated episodes would still have earned, discounted, `[n]`."""
        seen = following.copy()
        cut = dones.copy()
        for k in np.flatnonzero(dones):
            cut[k] = infos[k].get("TimeLimit.truncated", False)
        for k in np.flatnonzero(cut):
            seen[k] = infos[k]["terminal_observation"]
        value = self._value_of(seen, np.zeros(len(dones), np.float32), pi, vf)
        return np.where(cut, self.gamma * value, 0.0).astype(np.float32)

    def _advantages(
        self,
        rewards: NDArray[np.float32],
        values: NDArray[np.float32],
        starts: NDArray[np.float32],
        last: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Generalised advantage estimates (Schulman et al. 2016, equation 16), `[steps, n]`."""
        out = np.zeros_like(rewards)
        trace = np.zeros_like(last)
        after = np.asarray(self._last_episode_starts, np.float32)
        following = last
        for t in reversed(range(len(rewards))):
            goes_on = 1.0 - after
            error = rewards[t] + self.gamma * following * goes_on - values[t]
            trace = error + self.gamma * self.gae_lambda * goes_on * trace
            out[t] = trace
            after, following = starts[t], values[t]
        return out

    def train(self) -> None:
        """Update the policy on the last rollout: PPO (Schulman et al. 2017) on whole chunks."""
        rollout = self._chunk
        if rollout is None:
            raise RuntimeError("ChunkedPPO.train needs a rollout first: call learn().")
        policy = cast("RecurrentActorCriticPolicy", self.policy)
        policy.set_training_mode(mode=True)
        self._update_learning_rate(policy.optimizer)
        clip = float(cast("Any", self.clip_range)(self._current_progress_remaining))
        steps, n = rollout.values.shape
        per_batch = cast("int", self.batch_size) // steps
        loss, kl = 0.0, 0.0
        for epoch in range(self.n_epochs):
            order = torch.from_numpy(np.random.permutation(n))  # noqa: NPY002 - as SB3's buffers
            for k in range(0, n, per_batch):
                loss, kl = self._set_gradients(rollout.of(order[k : k + per_batch]), clip)
                if self.target_kl is not None and kl > 1.5 * self.target_kl:
                    break
                if self._fused is not None and not self.loss_terms:
                    self._fused.clip_gradients(self.max_grad_norm)
                else:
                    nn.utils.clip_grad_norm_(policy.parameters(), self.max_grad_norm)
                policy.optimizer.step()
            else:
                self._n_updates += 1
                continue
            self.logger.record("train/stopped_at_epoch", epoch)
            break
        self.logger.record("train/loss", loss)
        self.logger.record("train/approx_kl", kl)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record(
            "train/explained_variance",
            explained_variance(
                rollout.values.cpu().numpy().ravel(), rollout.returns.cpu().numpy().ravel()
            ),
        )

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_chunk", "_fused", "reward_terms", "loss_terms"]

    def _set_gradients(self, batch: _Rollout, clip: float) -> tuple[float, float]:
        """Set all gradients to those of PPO's loss; returns the loss and the KL divergence."""
        advantages = batch.advantages.flatten()
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clip_vf = None
        if self.clip_range_vf is not None:
            clip_vf = float(cast("Any", self.clip_range_vf)(self._current_progress_remaining))
        if self._fused is None or self.loss_terms:
            return self._differentiate(batch, advantages, clip, clip_vf)
        with torch.no_grad():
            terms = self._fused.set_gradients(
                batch._replace(observations=batch.observations.flatten(2)),
                advantages,
                clip=clip,
                clip_vf=clip_vf,
                ent_coef=self.ent_coef,
                vf_coef=self.vf_coef,
            )
        loss = -terms.gain - self.ent_coef * terms.entropy + self.vf_coef * terms.value_error
        return loss, terms.divergence

    def _differentiate(
        self, batch: _Rollout, advantages: Tensor, clip: float, clip_vf: float | None
    ) -> tuple[float, float]:
        """The same for any policy, by torch."""
        policy = cast("Any", self.policy)
        hidden, hidden_vf, _, _ = self._remember(
            batch.observations, batch.pi, batch.vf, batch.starts
        )
        latent = policy.mlp_extractor.forward_actor(hidden)
        latent_vf = policy.mlp_extractor.forward_critic(hidden_vf)
        distribution = policy._get_action_dist_from_latent(latent)
        log_prob = distribution.log_prob(batch.actions.flatten(0, 1))
        entropy = distribution.entropy()
        values = policy.value_net(latent_vf)[:, 0]
        log_ratio = log_prob - batch.log_prob.flatten()
        ratio = log_ratio.exp()
        gain = torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
        bonus = (-log_prob if entropy is None else entropy).mean()
        if clip_vf is not None:
            old = batch.values.flatten()
            values = old + (values - old).clamp(-clip_vf, clip_vf)
        error = functional.mse_loss(values, batch.returns.flatten())
        loss = -gain - self.ent_coef * bonus + self.vf_coef * error
        if self.loss_terms:
            seen = batch.observations.flatten(0, 1).flatten(1)
            thought = Thought(seen, hidden, drawn_from(policy, latent))
            loss = loss + torch.stack([term(thought) for term in self.loss_terms]).sum()
        policy.optimizer.zero_grad()
        loss.backward()
        return float(loss.detach()), float((ratio - 1 - log_ratio).detach().mean())
