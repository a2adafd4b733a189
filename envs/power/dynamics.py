"""Read the dynamics of a tabular world, in either of the two forms that users have at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from slowturn.envs.errors import WorldError

__all__ = ["Dynamics", "Rows", "check_discount", "read_dynamics", "successor_table"]

_SUM_TOLERANCE = 1e-6
"""Rows may miss a sum of one by this much (float32 does); they are then rescaled."""


class Rows(NamedTuple):
    """Next states of all pairs of state and action, as a compiled kernel takes them.

    Row s * actions + a holds entries `first[row]` to `first[row + 1]` of the other two arrays.
    """

    first: NDArray[np.int64]
    successor: NDArray[np.int64]
    chance: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """Dynamics that have been checked, stored sparsely.

    Attributes:
        rows: Next states and their probabilities.
        states: Number of states.
        actions: Number of actions, the same in every state.
    """

    rows: Rows
    states: int
    actions: int

    @property
    def deterministic(self) -> bool:
        """Whether every action has one possible next state."""
        return len(self.rows.successor) == self.states * self.actions

    def dense(self) -> NDArray[np.float64]:
        """Probabilities of next states, `[state, action, next state]`."""
        out = np.zeros((self.states * self.actions, self.states))
        out[np.repeat(np.arange(len(out)), np.diff(self.rows.first)), self.rows.successor] = (
            self.rows.chance
        )
        return out.reshape(self.states, self.actions, self.states)

    def edges(self) -> csr_array:
        """1 where some action may lead from a state to another, `[state, next state]`."""
        starts = self.rows.first[:: self.actions]
        out = csr_array(
            (np.ones(len(self.rows.successor)), self.rows.successor, starts),
            (self.states, self.states),
        )
        out.sum_duplicates()
        out.data[:] = 1.0
        return out


def successor_table(choices: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Make a table of successors for states that differ in their number of actions.

    Short rows repeat their first choice: an action that is there twice changes no measure here.

    Args:
        choices: Next states to choose from, one sequence a state.

    Returns:
        Next state of each action, shape `[state, action]`.

    Raises:
        WorldError: If a state has nothing to choose.

    Example:
        >>> successor_table([[1, 2], [1], [0, 2]])
        array([[1, 2],
               [1, 1],
               [0, 2]])
    """
    for state, row in enumerate(choices):
        if len(row) == 0:
            raise WorldError(
                f"successor_table: choices[{state}] must name at least one next state, got none. "
                f"A state that ends the episode leads to itself: [{state}]."
            )
    width = max((len(row) for row in choices), default=0)
    table = [[*row, *[row[0]] * (width - len(row))] for row in choices]
    return np.array(table, np.int64).reshape(len(choices), width)


def read_dynamics(transitions: ArrayLike) -> Dynamics:
    """Check transitions and store them sparsely.

    Args:
        transitions: Either probabilities of next states, shape `[state, action, next state]`, or,
            for deterministic worlds, integers that name the next state, shape `[state, action]`.

    Raises:
        WorldError: If the shape is neither, or an entry or row is no probability or state.
    """
    try:
        array = np.asarray(transitions)
    except ValueError:
        raise WorldError(
            "transitions must be one array, got rows of different lengths. "
            "Where states differ in their number of actions, make them equal with successor_table."
        ) from None
    table = array.ndim == 2 and np.issubdtype(array.dtype, np.integer)
    dense = array.ndim == 3 and array.shape[0] == array.shape[2] and array.dtype.kind in "biuf"
    if not (table or dense) or array.size == 0:
        raise WorldError(
            "transitions must be probabilities [state, action, next state] or, for deterministic "
            "worlds, integers [state, action] that name the next state, with at least one state "
            f"and one action; got shape {array.shape} of {array.dtype}."
        )
    states, actions = array.shape[:2]
    if table:
        _check_successors(array, states)
        first = np.arange(states * actions + 1)
        flat = array.astype(np.int64).ravel()
        return Dynamics(rows=Rows(first, flat, np.ones(flat.shape)), states=states, actions=actions)
    chances = array.astype(np.float64)
    totals = _check_probabilities(chances)
    sparse = csr_array((chances / totals[..., None]).reshape(-1, states))
    rows = Rows(sparse.indptr.astype(np.int64), sparse.indices.astype(np.int64), sparse.data)
    return Dynamics(rows=rows, states=states, actions=actions)


def _check_successors(table: NDArray[np.integer], states: int) -> None:
    wrong = (table < 0) | (table >= states)
    if wrong.any():
        s, a = np.argwhere(wrong)[0].tolist()
        raise WorldError(
            f"transitions[{s}, {a}] must name a state in 0..{states - 1}, got {table[s, a]}. "
            "A state with fewer actions repeats one of them: see successor_table."
        )


def _check_probabilities(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over next states, `[state, action]`."""
    wrong = ~(chances >= 0)  # also NaN
    if wrong.any():
        s, a, t = np.argwhere(wrong)[0].tolist()
        raise WorldError(
            f"transitions[{s}, {a}, {t}] must be a probability, got {chances[s, a, t]:g}."
        )
    totals: NDArray[np.float64] = chances.sum(axis=2)
    wrong = ~(np.abs(totals - 1.0) <= _SUM_TOLERANCE)
    if wrong.any():
        s, a = np.argwhere(wrong)[0].tolist()
        raise WorldError(
            f"transitions[{s}, {a}] must sum to 1 over next states (within {_SUM_TOLERANCE:g}), "
            f"got {totals[s, a]:g}. A state with fewer actions repeats one of them; a state that "
            "ends the episode leads to itself."
        )
    return totals


def check_discount(discount: float) -> float:
    """Let a discount pass that is strictly between 0 and 1.

    Raises:
        WorldError: If it is not.
    """
    number = isinstance(discount, int | float | np.floating) and isfinite(discount)
    if not number or not 0 < discount < 1:
        raise WorldError(
            f"discount must be a number in (0, 1), got {discount!r}. "
            "For the limits take one close to them, such as .001 or .999."
        )
    return float(discount)
