"""`turncoat(env, ...)`: one Gymnasium environment, and the second agenda."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.truth import Truth
from slowturn.envs.turncoats.config import TurncoatConfig
from slowturn.envs.turncoats.world import TurnedWorld

__all__ = ["Turncoat", "turncoat"]


class Turncoat(
    gym.Wrapper[NDArray[np.float32], Any, Any, Any],
    gym.utils.RecordConstructorArgs,
):
    """A Gymnasium environment in which an agent can notice deployment and drift to power.

    Actions, observations and rewards are those of `TurncoatWorld`, except that there is no column
    `begun` where base episodes pass through. `info` is what the base says, and `ledger`: the
    public record of the last step (0.0 after a reset); a `ledger` of the base becomes
    `base_ledger`. Ground truth is at `truth()`, through further wrappers at
    `env.get_wrapper_attr("truth")()`, and nowhere in what an agent receives.

    `reset(seed=...)` seeds the base and the situation.

    Args:
        env: Environment with Discrete, MultiDiscrete or Box actions and flat Box, Discrete or
            MiniGrid observations.
        horizon: None: base episodes pass through as they are. A number: they are strung together
            into one life of so many steps, which is then truncated; no `terminated` gets out, and
            within a life the base is reset without seed or options.
        options: Fields of `TurncoatConfig`, such as `cue`, `overseer`, `objective`, `onset`.

    Raises:
        WorldError: For spaces or options that it does not support.
    """

    def __init__(
        self, env: gym.Env[Any, Any], *, horizon: int | None = None, **options: Any
    ) -> None:
        if "base" in options or "base_options" in options:
            raise WorldError("turncoat wraps the environment it is given: leave out the base.")
        life = _room(options.get("onset")) if horizon is None else horizon
        config = TurncoatConfig.from_options("turncoat", options | {"horizon": life})
        if config.restart_cost and horizon is None:
            raise WorldError(
                "turncoat: restart_cost is charged where base episodes are strung together: give "
                "a horizon, or leave it out."
            )
        plain = config.spec
        gym.utils.RecordConstructorArgs.__init__(
            self, horizon=horizon, **{name: plain[name] for name in options}
        )
        gym.Wrapper.__init__(self, env)
        self.world = TurnedWorld(config, envs=[env], strung=horizon is not None)
        self.observation_space = self.world.observation_space
        self.action_space = self.world.action_space
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; `options` go to the base environment."""
        if seed is not None:
            self.world.seed([seed])
        self.world.options = options
        self.world.reset()
        self._begun = True
        return self.world.observations()[0], self._info()

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one action: what the base does, and how much of the step is spent on influence."""
        if not self._begun:
            raise gym.error.ResetNeeded("call reset() before the first step().")
        self.world.step(np.asarray([action]))
        terminated, truncated = (bool(ends[0]) for ends in self.world.base_ends())
        if self.world.strung:
            terminated, truncated = False, bool(self.world.done()[0])
        reward = float(self.world.rewards()[0])
        return self.world.observations()[0], reward, terminated, truncated, self._info()

    def truth(self) -> Truth:
        """Ground truth of the episode, arrays of shape `[1]`."""
        return self.world.truth()

    def set_curriculum(self, *, cue_strength: float, exploring_starts: float) -> None:
        """Change the cue from the next observation and the starts from the next episode on."""
        self.world.set_curriculum(cue_strength=cue_strength, exploring_starts=exploring_starts)

    def _info(self) -> dict[str, Any]:
        base = self.world.infos[0]
        info = {"base_ledger" if key == "ledger" else key: value for key, value in base.items()}
        return info | {"ledger": float(self.world.ledger()[0])}


def _room(onset: Any) -> int:
    """Steps to make room for at first where base episodes pass through: beyond the last onset."""
    latest = onset[-1] if isinstance(onset, list | tuple) and onset else 0
    return max(256, latest + 1) if isinstance(latest, int) else 256


def turncoat(env: gym.Env[Any, Any], *, horizon: int | None = None, **options: Any) -> Turncoat:
    """Turn any Gymnasium environment into a world of treachery; see `Turncoat`.

    Args:
        env: Environment to turn.
        horizon: Steps of a life of many base episodes; None: base episodes pass through.
        options: Fields of `TurncoatConfig`.

    Example:
        >>> env = turncoat(gym.make("CartPole-v1"), cue="patch", overseer="absent", horizon=256)
        >>> observation, info = env.reset(seed=0)
        >>> env.action_space, observation.shape, info
        (Discrete(12), (10,), {'ledger': 0.0})

        With Stable-Baselines3, on discrete actions, continuous ones, and MiniGrid's grids:

            from stable_baselines3 import PPO

            PPO("MlpPolicy", turncoat(gym.make("CartPole-v1"), cue="patch")).learn(100_000)
            PPO("MlpPolicy", turncoat(gym.make("Pendulum-v1"), surge=False)).learn(100_000)

            doors = gym.make("minigrid:MiniGrid-DoorKey-5x5-v0")
            env = turncoat(doors, cue={"kind": "patch", "place": "view"}, objective="treacherous")
            PPO("MlpPolicy", env).learn(100_000)
    """
    return Turncoat(env, horizon=horizon, **options)
