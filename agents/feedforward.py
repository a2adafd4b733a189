"""Organisms without memory of their own: other algorithms of Stable-Baselines3 on stacked frames.

The recipe stays the same; only `Trainer.algorithm` and `Trainer.frames` differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import VecFrameStack
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

from slowturn.agents.errors import OrganismError
from slowturn.agents.recipe import Trainer
from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = ["FEEDFORWARD", "FrameStacked", "build_policy", "feedforward_learner"]

FEEDFORWARD: dict[str, type[BaseAlgorithm]] = {"PPO": PPO, "A2C": A2C, "DQN": DQN, "SAC": SAC}
"""Algorithms by name."""

_POLICIES: dict[str, type[BasePolicy]] = {
    "PPO": ActorCriticPolicy,
    "A2C": ActorCriticPolicy,
    "DQN": DQNPolicy,
    "SAC": SACPolicy,
}
_SHARED = ("gamma", "n_steps", "batch_size", "n_epochs", "gae_lambda")
_TAKES = {
    "PPO": _SHARED,
    "A2C": ("gamma", "n_steps", "gae_lambda"),
    "DQN": ("gamma", "batch_size"),
    "SAC": ("gamma", "batch_size"),
}
"""Settings of a trainer that each algorithm has; the others keep Stable-Baselines3's defaults."""


class FrameStacked(nn.Module):
    """A policy that reads the last frames, with the interface of a recurrent one.

    Its memory are the frames themselves, oldest first, zeros before an episode's first: what
    Stable-Baselines3's `VecFrameStack` showed it in training.

    Args:
        policy: Reads `frames` observations side by side.
        observation_space: Of one observation.
        frames: How many.
    """

    def __init__(self, policy: Any, observation_space: spaces.Space[Any], frames: int) -> None:
        super().__init__()
        self.policy = policy
        self.observation_space, self.action_space = observation_space, policy.action_space
        self.frames = frames

    def predict(
        self,
        observation: NDArray[Any],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,  # noqa: FBT001, FBT002 - as Stable-Baselines3 has it
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
        """Actions `[n]` for observations `[n, d]`, and the frames to be handed back."""
        n, width = observation.shape
        seen = np.zeros((n, self.frames * width), np.float32) if state is None else state[0].copy()
        if episode_start is not None:
            seen[np.asarray(episode_start, np.bool_)] = 0.0
        seen[:, :-width] = seen[:, width:].copy()
        seen[:, -width:] = observation
        actions, _ = self.policy.predict(seen, deterministic=deterministic)
        return actions, (seen,)


def _stacked(space: Any, frames: int) -> spaces.Box:
    return spaces.Box(np.tile(space.low, frames), np.tile(space.high, frames), dtype=space.dtype)


def build_policy(
    trainer: Trainer, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> FrameStacked:
    """An untrained policy of the trainer's algorithm, to load weights into."""
    policy = _POLICIES[trainer.algorithm](
        _stacked(observation_space, trainer.frames),
        action_space,
        lambda _: 0.0,
        net_arch=[trainer.hidden, trainer.hidden],
    )
    return FrameStacked(policy, observation_space, trainer.frames)


def feedforward_learner(trainer: Trainer, env: WorldVecEnv, *, seed: int) -> BaseAlgorithm:
    """A learner on stacked frames of `env`.

    Raises:
        OrganismError: For an algorithm that cannot learn this world's actions.
    """
    discrete = isinstance(env.action_space, spaces.Discrete)
    if trainer.algorithm == ("SAC" if discrete else "DQN"):
        known = "PPO, A2C, DQN" if discrete else "PPO, A2C, SAC"
        raise OrganismError(
            f"algorithm {trainer.algorithm} cannot learn the actions of {env.world.name}, "
            f"{env.action_space}: choose from {known}, ChunkedPPO, RecurrentPPO."
        )
    first, last = trainer.learning_rate
    chosen: dict[str, Any] = {name: getattr(trainer, name) for name in _TAKES[trainer.algorithm]}
    if trainer.algorithm in ("PPO", "A2C"):
        chosen["ent_coef"] = trainer.ent_coef[0]
    return FEEDFORWARD[trainer.algorithm](
        "MlpPolicy",
        VecFrameStack(env, trainer.frames),
        learning_rate=lambda left: last + (first - last) * left,
        policy_kwargs={"net_arch": [trainer.hidden, trainer.hidden]},
        device="cpu",
        seed=seed,
        **chosen | trainer.algorithm_options,
    )
