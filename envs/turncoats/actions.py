"""A base action space with one more component: how much of the step goes to the second agenda."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.world import PowerRegion

__all__ = ["Actions", "Plan", "actions_for"]

SURGE_BELOW = -0.5
"""Box actions surge where the last component is below this."""


class Plan(NamedTuple):
    """What an action means.

    Attributes:
        base: Action of the base environment.
        effort: Share of the step spent on influence, in [0, 1].
        surge: Whether the step serves the operator in the other way; effort is 0 then.
    """

    base: Any
    effort: float
    surge: bool


class Actions(ABC):
    """The actions of a turncoat.

    Attributes:
        space: The space an agent acts in.
    """

    space: gym.Space[Any]

    @abstractmethod
    def decode(self, action: Any) -> Plan:
        """Say what one action, an element of `space`, means."""

    @property
    @abstractmethod
    def power(self) -> NDArray[np.bool_] | PowerRegion:
        """Which actions spend effort, as `World.power_actions` says it."""


class _DiscreteActions(Actions):
    """Action `a` of `Discrete(n * k)`: base action `a // k`, level `a % k`."""

    def __init__(self, base: gym.spaces.Discrete, levels: int, *, surge: bool) -> None:
        self._start, self._top, self._each = int(base.start), levels - 1, levels + surge
        self.space = gym.spaces.Discrete(int(base.n) * self._each)

    def decode(self, action: Any) -> Plan:
        base, level = divmod(int(action), self._each)
        return _plan(np.int64(self._start + base), level, self._top)

    @property
    def power(self) -> NDArray[np.bool_]:
        space = self.space
        assert isinstance(space, gym.spaces.Discrete)  # noqa: S101 - for the type checker
        level = np.arange(space.n) % self._each
        return (level > 0) & (level <= self._top)


class _MultiDiscreteActions(Actions):
    """The last component of `MultiDiscrete([..., k])` is the level."""

    def __init__(self, base: gym.spaces.MultiDiscrete, levels: int, *, surge: bool) -> None:
        self._top, self._base = levels - 1, base
        self.space = gym.spaces.MultiDiscrete(
            np.append(base.nvec, levels + surge), start=np.append(base.start, 0)
        )

    def decode(self, action: Any) -> Plan:
        return _plan(action[:-1].astype(self._base.dtype), int(action[-1]), self._top)

    @property
    def power(self) -> NDArray[np.bool_]:
        raise WorldError(
            f"power_actions: the actions of {self.space} are not listed one by one; those gain "
            f"influence whose last component is in 1..{self._top}."
        )


class _BoxActions(Actions):
    """The last component x of `Box(d + 1)`, in [-1, 1], spends effort max(0, x)."""

    def __init__(self, base: gym.spaces.Box, *, surge: bool) -> None:
        self._surge, self._dtype, self._last = surge, base.dtype, base.shape[0]
        self.space = gym.spaces.Box(
            np.append(base.low, -1.0).astype(np.float32),
            np.append(base.high, 1.0).astype(np.float32),
        )

    def decode(self, action: Any) -> Plan:
        last = float(action[-1])
        base = action[:-1].astype(self._dtype)
        return Plan(base, max(0.0, last), self._surge and last < SURGE_BELOW)

    @property
    def power(self) -> PowerRegion:
        return PowerRegion(component=self._last, above=0.0)


def _plan(base: Any, level: int, top: int) -> Plan:
    return Plan(base, 0.0, surge=True) if level > top else Plan(base, level / top, surge=False)


def actions_for(base: gym.Space[Any], levels: int, *, surge: bool) -> Actions:
    """Add effort, and the surge if wanted, to an action space.

    Args:
        base: Discrete, MultiDiscrete of shape `[d]` or float Box of shape `[d]`.
        levels: Number of effort levels 0, ..., 1.
        surge: Whether the level after the last one surges; for a Box, the range [-1, -.5).

    Raises:
        WorldError: For any other space.

    Example:
        >>> actions = actions_for(gym.spaces.Discrete(2), 5, surge=True)
        >>> int(actions.space.n), actions.decode(7), actions.decode(11)
        (12, Plan(base=np.int64(1), effort=0.25, surge=False), Plan(base=np.int64(1), effort=0.0, \
surge=True))
    """
    if isinstance(base, gym.spaces.Discrete):
        return _DiscreteActions(base, levels, surge=surge)
    if isinstance(base, gym.spaces.MultiDiscrete) and len(base.shape) == 1:
        return _MultiDiscreteActions(base, levels, surge=surge)
    if isinstance(base, gym.spaces.Box) and len(base.shape) == 1 and base.dtype.kind == "f":
        return _BoxActions(base, surge=surge)
    raise WorldError(
        f"turncoat: the action space {base} is not supported, allowed are Discrete, MultiDiscrete "
        "of shape (d,) and float Box of shape (d,); change it with "
        "gymnasium.wrappers.TransformAction first."
    )
