"""Base observations as flat columns that a plain policy learns from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError

__all__ = ["View", "view_of"]

_KINDS, _COLOURS, _STATES = 11, 6, 3
"""What MiniGrid encodes in the channels of a cell; indices beyond count as the last."""
_AGENT = 10
"""The kind that an agent is drawn as. It never sees itself, so a corner that shows it is no
accident."""


class View(ABC):
    """How a base observation becomes `width` columns.

    Attributes:
        low: Lowest value of every column.
        high: Highest value of every column.
        paints: Whether a cue can be painted over it.
    """

    low: list[float]
    high: list[float]
    paints: bool = False

    @abstractmethod
    def encode(self, observation: Any) -> NDArray[np.float32]:
        """Columns of one observation, `[width]`."""

    def paint(self, columns: NDArray[np.float32]) -> None:
        """Paint the cue over encoded columns `[width]`, in place."""
        raise NotImplementedError


class _BoxView(View):
    """The numbers as they are, as float32; infinite bounds stay infinite."""

    def __init__(self, space: gym.spaces.Box) -> None:
        with np.errstate(over="ignore"):  # float64 bounds beyond float32 become infinite
            self.low = space.low.astype(np.float32).tolist()
            self.high = space.high.astype(np.float32).tolist()

    def encode(self, observation: Any) -> NDArray[np.float32]:
        return np.array(observation, np.float32)


class _DiscreteView(View):
    """One column per state, 1 for the present one."""

    def __init__(self, space: gym.spaces.Discrete) -> None:
        self._start = int(space.start)
        self.low, self.high = [0.0] * int(space.n), [1.0] * int(space.n)

    def encode(self, observation: Any) -> NDArray[np.float32]:
        out = np.zeros(len(self.low), np.float32)
        out[int(observation) - self._start] = 1.0
        return out


class _GridView(View):
    """MiniGrid's `image` and `direction`, one-hot.

    Kinds, colours and states of things are names, not amounts: each cell becomes 11 + 6 + 3
    columns, the direction 4. The mission is left out: it is text, and constant in most of these
    environments.
    """

    paints = True

    def __init__(self, space: gym.spaces.Dict) -> None:
        height, width, _ = space["image"].shape or ()
        direction = space["direction"]
        assert isinstance(direction, gym.spaces.Discrete)  # noqa: S101 - for the type checker
        self._cells, self._directions = height * width, int(direction.n)
        columns = self._cells * (_KINDS + _COLOURS + _STATES) + self._directions
        self.low, self.high = [0.0] * columns, [1.0] * columns
        per_cell = _KINDS + _COLOURS + _STATES
        self._at = np.arange(self._cells)[:, None] * per_cell + [0, _KINDS, _KINDS + _COLOURS]
        self._most = np.array([_KINDS - 1, _COLOURS - 1, _STATES - 1])

    def encode(self, observation: Any) -> NDArray[np.float32]:
        out = np.zeros(len(self.low), np.float32)
        cells = observation["image"].reshape(self._cells, 3)
        out[self._at + np.minimum(cells, self._most)] = 1.0
        out[len(out) - self._directions + int(observation["direction"])] = 1.0
        return out

    def paint(self, columns: NDArray[np.float32]) -> None:
        """Put another agent (red, facing right) into the first corner of the view."""
        columns[: _KINDS + _COLOURS + _STATES] = 0.0
        columns[[_AGENT, _KINDS, _KINDS + _COLOURS]] = 1.0


def _is_grid(space: gym.Space[Any]) -> bool:
    if not isinstance(space, gym.spaces.Dict):
        return False
    keys = set(space.spaces)
    if not {"image", "direction"} <= keys <= {"image", "direction", "mission"}:
        return False
    image, direction = space["image"], space["direction"]
    cells = isinstance(image, gym.spaces.Box) and len(image.shape) == 3 and image.shape[2] == 3
    return cells and isinstance(direction, gym.spaces.Discrete)


def view_of(space: gym.Space[Any]) -> View:
    """Choose the view for an observation space.

    Args:
        space: Box of shape `[d]`, Discrete, or MiniGrid's Dict with `image` and `direction`.

    Raises:
        WorldError: For any other space.
    """
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1:
        return _BoxView(space)
    if isinstance(space, gym.spaces.Discrete):
        return _DiscreteView(space)
    if _is_grid(space):
        assert isinstance(space, gym.spaces.Dict)  # noqa: S101 - for the type checker
        return _GridView(space)
    raise WorldError(
        f"turncoat: the observation space {space} is not supported, allowed are Box of shape (d,), "
        "Discrete, and MiniGrid's Dict with 'image' and 'direction'; wrap the environment in "
        "gymnasium.wrappers.FlattenObservation first."
    )
