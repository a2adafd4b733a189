"""A world as a Stable-Baselines3 `VecEnv`, without a Python loop over environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from slowturn.envs.truth import Truth
from slowturn.envs.world import World

__all__ = ["WorldVecEnv"]


class WorldVecEnv(VecEnv):
    """All episodes of a world at once, reset in the step in which they end.

    Infos are empty except at an episode's end, where they carry `terminal_observation`,
    `TimeLimit.truncated` and `episode` (return `r` and length `l`), because SB3 deep-copies them.
    The public record of the last step is at `ledger()`; ground truth at `truth()`. In the step of
    a reset `ledger()` still shows the final action, while `truth()` describes the new episode.

    Args:
        world: The world; its `num_envs` is the number of slots.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.render_mode = None
        super().__init__(world.num_envs, world.observation_space, world.action_space)
        self._actions: NDArray[Any] | None = None
        self._ledger = np.zeros(world.num_envs)
        self.returns = np.zeros(world.num_envs)

    def reset(self) -> NDArray[np.float32]:
        """Begin all episodes, after `seed()` from the start of the seeds' streams."""
        if self._seeds[0] is not None:
            self.world.seed([int(seed) for seed in self._seeds if seed is not None])
        self.world.reset()
        self._reset_seeds()
        self._reset_options()
        self._ledger[:] = 0.0
        self.returns[:] = 0.0
        return self.world.observations()

    def step_async(self, actions: NDArray[Any]) -> None:
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        if self._actions is None:
            raise RuntimeError("call step_async() before step_wait().")
        self.world.step(self._actions)
        rewards, done = self.world.rewards(), self.world.done()
        self._ledger = self.world.ledger()
        self.returns += rewards
        observations = self.world.observations()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            for i in np.flatnonzero(done):
                infos[i] = {
                    "terminal_observation": observations[i].copy(),
                    "TimeLimit.truncated": True,
                    "episode": {"r": float(self.returns[i]), "l": self.world.horizon},
                }
            self.returns[done] = 0.0
            self.world.reset(done)
            observations = self.world.observations()
        return observations, rewards.astype(np.float32), done, infos

    def ledger(self) -> NDArray[np.float64]:
        """Public record of the last step's effort, shape `[num_envs]`."""
        return self._ledger.copy()

    def truth(self) -> Truth:
        """Ground truth of every slot, arrays of shape `[num_envs]`."""
        return self.world.truth()

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name)] * len(self._slots(indices))

    def set_attr(
        self,
        attr_name: str,
        value: Any,
        indices: Any = None,  # noqa: ARG002 - all slots share one world
    ) -> None:
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        result = getattr(self, method_name)(*method_args, **method_kwargs)
        return [result] * len(self._slots(indices))

    def env_is_wrapped(
        self,
        wrapper_class: type,  # noqa: ARG002 - slots are never wrapped one by one
        indices: Any = None,
    ) -> list[bool]:
        return [False] * len(self._slots(indices))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        return [None] * self.num_envs

    def _slots(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))
