"""A world as a plain `gymnasium.Env`: the batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError, unknown_name
from slowturn.envs.faces.drawing import History, describe, draw
from slowturn.envs.truth import Truth
from slowturn.envs.world import World

__all__ = ["WorldEnv"]


class WorldEnv(gym.Env[NDArray[np.float32], Any]):
    """One episode of a world at a time.

    `info` holds one key, `ledger`: the public record of the last step (0.0 after a reset). Ground
    truth is at `env.unwrapped.truth()` and nowhere in what an agent receives.

    Args:
        world: A world with `num_envs=1`.
        render_mode: None, `rgb_array` (an image of the episode so far) or `ansi` (one line).
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it without ClassVar
        "render_modes": ["rgb_array", "ansi"],
        "render_fps": 16,
    }

    def __init__(self, world: World, *, render_mode: str | None = None) -> None:
        if world.num_envs != 1:
            raise WorldError(f"WorldEnv drives one episode: world.num_envs is {world.num_envs}.")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        self.world = world
        self.render_mode = render_mode
        self.observation_space = world.observation_space
        self.action_space: gym.Space[Any] = world.action_space
        self._history = History()
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; with `seed`, from the start of that seed's stream."""
        super().reset(seed=seed)
        if options:
            raise WorldError(
                f"{self.world.name} takes no reset options, got {sorted(options)}: phase, cue and "
                "objective are constructor arguments."
            )
        if seed is not None:
            self.world.seed([seed])
        self.world.reset()
        self._begun = True
        self._history.clear()
        return self.world.observations()[0], {"ledger": 0.0}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one action; the episode is truncated at the world's horizon."""
        if not self._begun:
            raise gym.error.ResetNeeded("call reset() before the first step().")
        if np.ndim(action) != len(self.action_space.shape or ()):
            raise WorldError(
                f"{self.world.name}.step needs a single action, got shape {np.shape(action)}."
            )
        self.world.step(np.asarray([action]))
        if self.render_mode is not None:
            self._history.add(self.world.truth())
        truncated = bool(self.world.done()[0])
        info = {"ledger": float(self.world.ledger()[0])}
        return self.world.observations()[0], float(self.world.rewards()[0]), False, truncated, info

    def render(self) -> NDArray[np.uint8] | str | None:
        """Draw the episode so far: uint8 `[400, w, 3]` for `rgb_array`, text for `ansi`."""
        if self.render_mode == "rgb_array":
            strips = draw(
                self._history, self.world.truth(), self.world.horizon, self.world.harm_level
            )
            scene = self.world.scene()
            return strips if scene is None else np.concatenate([scene, strips], axis=1)
        if self.render_mode == "ansi":
            line = describe(self.world.truth(), self.world.horizon)
            scene_text = self.world.scene_text()
            return f"{line}\n{scene_text}" if scene_text else line
        gym.logger.warn("render() was called without a render_mode; choose rgb_array or ansi.")
        return None

    def truth(self) -> Truth:
        """Ground truth of the episode, arrays of shape `[1]`."""
        return self.world.truth()
