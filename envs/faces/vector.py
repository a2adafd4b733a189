"""A world as a native `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.truth import Truth
from slowturn.envs.world import World

__all__ = ["WorldVectorEnv"]


class WorldVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[Any]]):
    """All episodes of a world at once, with Gymnasium's default autoreset (next step).

    The call of `step` after an episode's end ignores that episode's action, resets it and returns
    its first observation with reward 0. `infos["ledger"]` (with mask `infos["_ledger"]`) is the
    public record, as in the single environment. Slot `i` replays exactly what the single
    environment shows for `seed + i`.

    Args:
        world: The world; its `num_envs` is the number of slots.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it without ClassVar
        "autoreset_mode": AutoresetMode.NEXT_STEP
    }

    def __init__(self, world: World) -> None:
        self.world = world
        self.num_envs = world.num_envs
        self.single_observation_space = world.observation_space
        self.single_action_space = world.action_space
        self.observation_space = batch_space(world.observation_space, world.num_envs)
        self.action_space = batch_space(world.action_space, world.num_envs)
        self._over: NDArray[np.bool_] | None = None
        self._never = np.zeros(world.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin all episodes; an integer seed gives slot `i` the seed `seed + i`."""
        seeds = seed if isinstance(seed, Sequence | np.ndarray) else None
        super().reset(seed=None if seeds is not None else cast("int | None", seed))
        if options:
            raise WorldError(
                f"{self.world.name} takes no reset options, got {sorted(options)}: phase, cue and "
                "objective are constructor arguments."
            )
        if seeds is not None:
            self.world.seed(seeds)
        elif seed is not None:
            self.world.seed([cast("int", seed) + i for i in range(self.num_envs)])
        self.world.reset()
        self._over = np.zeros(self.num_envs, np.bool_)
        return self.world.observations(), self._infos()

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[
        NDArray[np.float32],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Take one action per slot; slots whose episode had ended are reset instead."""
        if self._over is None:
            raise gym.error.ResetNeeded("call reset() before the first step().")
        if self._over.any():
            self.world.step(actions, ~self._over)
            self.world.reset(self._over)
        else:
            self.world.step(actions)
        self._over = self.world.done()
        return (
            self.world.observations(),
            self.world.rewards(),
            self._never.copy(),
            self._over.copy(),
            self._infos(),
        )

    def truth(self) -> Truth:
        """Ground truth of every slot, arrays of shape `[num_envs]`."""
        return self.world.truth()

    def _infos(self) -> dict[str, Any]:
        return {"ledger": self.world.ledger(), "_ledger": np.ones(self.num_envs, np.bool_)}
