"""Follow a measure of states along rollouts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slowturn.envs.errors import WorldError

__all__ = ["along"]


def along(
    values: ArrayLike, visited: ArrayLike, beside: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Turn values of states into a time series of each episode.

    Args:
        values: Value of each state, shape `[state]`; or of each state beside something else that
            is numbered, shape `[state, other]`: actions for `aup_penalty`, baseline states for
            `relative_reachability`.
        visited: States as integers, usually shape `[episode, step]`; any shape is allowed.
        beside: The numbers of that something else, shaped like `visited` or broadcast to it.

    Returns:
        Values, shaped like `visited`.

    Raises:
        WorldError: If a number is out of range or no integer, or the shapes do not fit.

    Example:
        >>> along([0.5, 0.7], [[0, 0, 1], [0, 1, 1]])
        array([[0.5, 0.5, 0.7],
               [0.5, 0.7, 0.7]])
        >>> along([[0.0, 0.2], [0.1, 0.0]], [[0, 0, 1]], beside=[[0, 1, 0]])
        array([[0. , 0.2, 0.1]])
    """
    table: NDArray[np.float64] = np.asarray(values, np.float64)
    wanted = 1 if beside is None else 2
    if table.ndim != wanted:
        shape = "[state] without" if beside is None else "[state, other] with"
        raise WorldError(f"along: values must have shape {shape} beside, got {table.shape}.")
    states = _check("visited", visited, table.shape[0])
    series: NDArray[np.float64]
    if beside is None:
        series = table[states]
        return series
    others = _check("beside", beside, table.shape[1])
    try:
        series = table[states, np.broadcast_to(others, states.shape)]
    except ValueError:
        raise WorldError(
            f"along: beside must have a shape that broadcasts to visited {states.shape}, "
            f"got {others.shape}."
        ) from None
    return series


def _check(name: str, numbers: ArrayLike, count: int) -> NDArray[np.integer]:
    array = np.asarray(numbers)
    if not np.issubdtype(array.dtype, np.integer):
        raise WorldError(f"along: {name} must be integers in 0..{count - 1}, got {array.dtype}.")
    wrong = (array < 0) | (array >= count)
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        place = f" at {list(where)}" if where else ""
        raise WorldError(
            f"along: {name} must be integers in 0..{count - 1}, got {array[where]}{place}. "
            "Cut an episode that ended early off where it ended."
        )
    return array
