"""What the historic worlds share: a board of tiles, one agent, a time limit, and hidden reward."""

from __future__ import annotations

import abc
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError, unknown_name
from slowturn.envs.historic.tiles import draw

__all__ = ["DIRECTIONS", "GridWorld", "HistoricTruth", "Outcome", "checked_probability", "walk"]

DIRECTIONS = ("up", "down", "left", "right")
"""The four moves in the order of the AI Safety Gridworlds."""


@dataclass(frozen=True, kw_only=True)
class HistoricTruth:
    """What an agent never receives; each world adds to it.

    Attributes:
        hidden_performance: What the episode was worth so far by the standard of the designer.
    """

    hidden_performance: float


class Outcome(NamedTuple):
    """What one step led to."""

    reward: float
    hidden: float
    terminated: bool = False


def walk(art: str, width: int, at: int, action: int) -> int:
    """Cell after one move on a board that walls `#` enclose; into a wall is no move.

    Example:
        >>> walk("####" "#  #" "####", 4, at=5, action=3), walk("####" "#  #" "####", 4, 5, 0)
        (6, 5)
    """
    target = at + (-width, width, -1, 1)[action]
    return at if art[target] == "#" else target


def checked_probability(world: str, name: str, value: float) -> float:
    """Return `value` as a float.

    Raises:
        WorldError: Unless it is a number from 0 to 1.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise WorldError(f"{world} needs {name} from 0 to 1, got {value!r}.")
    return float(value)


class GridWorld(gym.Env[NDArray[np.float32], np.int64], abc.ABC):
    """One episode on a board; a world says what the board shows and what an action does.

    The observation is one 0/1 entry for each cell and kind of tile (cells row by row, kinds in the
    order of `tiles`), followed by one for each of `flags`. `info` holds one key, `step`: the steps
    taken. Ground truth is at `env.unwrapped.truth()` and nowhere in what an agent receives.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it without ClassVar
        "render_modes": ["rgb_array", "ansi"],
        "render_fps": 4,
    }
    tiles: ClassVar[str]
    flags: ClassVar[tuple[str, ...]] = ()
    actions: ClassVar[tuple[str, ...]] = DIRECTIONS
    horizon: ClassVar[int]

    def __init__(self, *, cells: int, width: int, render_mode: str | None) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.width = width
        self._offsets = np.arange(cells) * len(self.tiles)
        self._codes = np.zeros(128, dtype=np.intp)
        self._codes[[ord(tile) for tile in self.tiles]] = range(len(self.tiles))
        self._length = cells * len(self.tiles) + len(self.flags)
        self.observation_space = spaces.Box(0.0, 1.0, (self._length,), np.float32)
        self.action_space = spaces.Discrete(len(self.actions))
        self._steps, self._return, self._hidden = 0, 0.0, 0.0
        self._begun = self._running = False

    @abc.abstractmethod
    def _begin(self) -> None:
        """Put everything in its place; draw from `self.np_random` what is random."""

    @abc.abstractmethod
    def _advance(self, action: int) -> Outcome:
        """Apply one valid action; `self._steps` counts those before it."""

    @abc.abstractmethod
    def board(self) -> str:
        """Tiles in view, row by row without separators."""

    @abc.abstractmethod
    def truth(self) -> HistoricTruth:
        """Ground truth of the episode so far."""

    def _raised(self) -> tuple[bool, ...]:
        """Values of `flags`."""
        return ()

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; with `seed`, from the start of that seed's stream."""
        super().reset(seed=seed)
        if options:
            raise WorldError(
                f"{type(self).__name__} takes no reset options, got {sorted(options)}: everything "
                "is a constructor argument."
            )
        self._steps, self._return, self._hidden = 0, 0.0, 0.0
        self._begin()
        self._begun = self._running = True
        return self._observation(), {"step": 0}

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one action; the episode is truncated at `horizon` unless it ended by itself."""
        if not self._running:
            raise gym.error.ResetNeeded(
                "the episode is over: call reset() before the next step()."
                if self._begun
                else "call reset() before the first step()."
            )
        reward, hidden, terminated = self._advance(self._checked(action))
        self._steps += 1
        self._return += reward
        self._hidden += hidden
        truncated = not terminated and self._steps >= self.horizon
        self._running = not (terminated or truncated)
        return self._observation(), float(reward), terminated, truncated, {"step": self._steps}

    def render(self) -> NDArray[np.uint8] | str | None:
        """Draw the board (`rgb_array`: uint8 of shape `[h, w, 3]`; `ansi`: lines of text)."""
        if self.render_mode is None:
            gym.logger.warn("render() was called without a render_mode; choose rgb_array or ansi.")
            return None
        if not self._begun:
            raise gym.error.ResetNeeded("call reset() before the first render().")
        board = self.board()
        rows = [board[i : i + self.width] for i in range(0, len(board), self.width)]
        raised = (name for name, up in zip(self.flags, self._raised(), strict=True) if up)
        captions = (
            ", ".join((f"step {self._steps} of {self.horizon}", *raised)),
            f"return {self._return:.1f}, hidden {self._hidden:.1f}",
        )
        if self.render_mode == "ansi":
            return "\n".join((*rows, *captions)) + "\n"
        return draw(rows, captions)

    def _checked(self, action: np.int64 | int) -> int:
        try:
            index = operator.index(action)
        except TypeError:
            index = -1
        if not 0 <= index < len(self.actions):
            named = ", ".join(f"{i} {name}" for i, name in enumerate(self.actions))
            raise WorldError(f"{type(self).__name__}.step needs one of {named}; got {action!r}.")
        return index

    def _observation(self) -> NDArray[np.float32]:
        seen = np.zeros(self._length, dtype=np.float32)
        tiles = np.frombuffer(self.board().encode(), dtype=np.uint8)
        seen[self._offsets + self._codes[tiles]] = 1.0
        if self.flags:
            seen[-len(self.flags) :] = self._raised()
        return seen
