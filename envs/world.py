"""The contract of a world: batched dynamics that every face (Gymnasium, vector, SB3) drives.

A world holds `num_envs` parallel episodes in arrays of shape `[n]`. It never resets an episode by
itself: the faces decide when, because Gymnasium and Stable-Baselines3 disagree on that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.truth import Truth

__all__ = ["PowerRegion", "World"]


class PowerRegion(NamedTuple):
    """The continuous actions that gain influence: those with one component above a bound.

    Attributes:
        component: Which component of the action.
        above: Value above which the action gains influence.
    """

    component: int
    above: float


class World(ABC):
    """`num_envs` parallel episodes of one world, stepped together.

    Subclasses declare their spaces, their influence measure (in the docstring), their harm level
    and their honest optimum, and say which actions seek power.

    Args:
        num_envs: Number of parallel episodes, at least 1.
    """

    name: ClassVar[str]
    """Registered name without namespace, such as `Steward-v0`."""

    observation_space: gym.spaces.Box[np.float32]
    """Space of one episode's observation, flat float32."""
    action_space: gym.spaces.Discrete | gym.spaces.Box
    """Space of one episode's action."""
    horizon: int
    """Steps per episode; every episode is truncated there."""
    harm_level: float
    """Influence from which an episode counts as harm."""

    def __init__(self, num_envs: int) -> None:
        if not isinstance(num_envs, int) or num_envs < 1:
            raise WorldError(f"num_envs must be an integer >= 1, got {num_envs!r}.")
        self.num_envs = num_envs
        self._all = np.ones(num_envs, np.bool_)

    @property
    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """JSON-able description that rebuilds this world with `slowturn.envs.make_world`."""

    @property
    @abstractmethod
    def power_actions(self) -> NDArray[np.bool_] | PowerRegion:
        """Which actions gain influence instead of serving: `[action_space.n]`, a Box's region."""

    @abstractmethod
    def honest_optimum(self) -> NDArray[np.float64]:
        """Largest task reward each current episode can earn without seeking influence, `[n]`."""

    @property
    @abstractmethod
    def cue_columns(self) -> int:
        """How many of the observation's columns, the first ones, show the cue."""

    @abstractmethod
    def set_curriculum(self, *, cue_strength: float, exploring_starts: float) -> None:
        """Change the cue from the next observation and the starts from the next episode on."""

    @abstractmethod
    def hazard(self) -> NDArray[np.float64]:
        """P(deployment begins at step t | not yet) over the episodes drawn, `[horizon + 1]`."""

    @abstractmethod
    def seed(self, seeds: Sequence[int]) -> None:
        """Restart the random stream of every episode slot: one seed each."""

    @abstractmethod
    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        """Begin new episodes in the slots where `mask` (shape `[n]`) is true; all without it."""

    @abstractmethod
    def step(self, actions: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> None:
        """Apply one action per slot (shape `[n]`), in the slots where `mask` is true.

        Raises:
            WorldError: If an action is outside `action_space`; no slot has moved then.
        """

    @abstractmethod
    def observations(self) -> NDArray[np.float32]:
        """Current observations, a fresh array of shape `[n, d]`."""

    @abstractmethod
    def rewards(self) -> NDArray[np.float64]:
        """Reward of the last action under the world's objective, a fresh array of shape `[n]`."""

    @abstractmethod
    def ledger(self) -> NDArray[np.float64]:
        """Public, noisy record of the last action's effort (0 after a reset), a fresh `[n]`."""

    @abstractmethod
    def truth(self) -> Truth:
        """Ground truth of all slots, as fresh arrays."""

    @abstractmethod
    def done(self) -> NDArray[np.bool_]:
        """Which episodes have reached the horizon, a fresh array of shape `[n]`."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything needed to continue elsewhere exactly from here, as fresh arrays by name."""

    @abstractmethod
    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a `state()` of a world with the same configuration and `num_envs`."""

    def scene(self) -> NDArray[np.uint8] | None:
        """A picture of what the first slot's task looks like, `[400, w, 3]`, if there is one."""
        return None

    def scene_text(self) -> str:
        """The same in characters, or nothing."""
        return ""

    def checked_actions(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Return `actions` as int64 `[n]` (float64 `[n, d]` for a Box), or say what is wrong."""
        array = np.asarray(actions)
        if isinstance(self.action_space, gym.spaces.Box):
            return self._checked_box(self.action_space, array)
        if array.shape != (self.num_envs,):
            raise WorldError(
                f"{type(self).__name__}.step needs one action per episode, shape "
                f"({self.num_envs},), got shape {array.shape}."
            )
        if array.dtype.kind not in "iu":
            raise WorldError(
                f"{type(self).__name__}.step needs integer actions in "
                f"0..{self.action_space.n - 1}, got dtype {array.dtype}."
            )
        # one comparison serves both ends: a negative action is huge as unsigned
        if array.astype(np.uint64).max() >= self.action_space.n:
            bad = array[(array < 0) | (array >= self.action_space.n)][0]
            raise WorldError(
                f"{type(self).__name__}.step: action {bad} is out of range, allowed are "
                f"0..{self.action_space.n - 1}; no episode has moved."
            )
        # kernels are compiled for contiguous arrays: a strided view would compile them again
        return np.ascontiguousarray(array, np.int64)

    def _checked_box(self, space: gym.spaces.Box, array: NDArray[Any]) -> NDArray[np.float64]:
        shape = (self.num_envs, *space.shape)
        if array.shape != shape:
            raise WorldError(
                f"{type(self).__name__}.step needs one action per episode, shape {shape}, got "
                f"shape {array.shape}."
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise WorldError(f"{type(self).__name__}.step needs finite numbers, got {array!r}.")
        if (array < space.low).any() or (array > space.high).any():
            raise WorldError(
                f"{type(self).__name__}.step: an action is out of range, allowed are "
                f"{space.low.tolist()} to {space.high.tolist()}; no episode has moved."
            )
        return np.ascontiguousarray(array, np.float64)

    def checked_mask(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Return `mask`, or all slots without one; kernels do not check bounds."""
        if mask is None:
            return self._all
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != np.bool_:
            raise WorldError(
                f"{type(self).__name__}: a mask must be bool of shape ({self.num_envs},), got "
                f"{array.dtype} of shape {array.shape}."
            )
        return np.ascontiguousarray(array)
