"""Capacity of a channel: the most that its input can tell about its output."""

from __future__ import annotations

from math import isfinite

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from slowturn.envs.errors import WorldError

__all__ = ["channel_capacity", "check_tolerance"]

_MOST_ROUNDS = 200_000


@njit(cache=True, error_model="numpy")
def _blahut_arimoto(
    channel: NDArray[np.float64], tolerance: float, rounds: int
) -> tuple[float, float]:
    """Lower and upper bound of the capacity in nats, closer than the tolerance if rounds allow."""
    inputs, outputs = channel.shape
    share = np.full(inputs, 1.0 / inputs)
    told = np.empty(inputs)
    low, high = 0.0, np.inf
    for _ in range(rounds):
        marginal = np.zeros(outputs)
        for x in range(inputs):
            for y in range(outputs):
                marginal[y] += share[x] * channel[x, y]
        for x in range(inputs):
            told[x] = 0.0
            for y in range(outputs):
                if channel[x, y] > 0.0:
                    told[x] += channel[x, y] * np.log(channel[x, y] / max(marginal[y], 1e-300))
        high = told.max()
        share *= np.exp(told - high)
        total = share.sum()
        share /= total
        low = high + np.log(total)
        if high - low <= tolerance:
            break
    return low, high


def channel_capacity(channel: ArrayLike, *, tolerance: float = 1e-6) -> float:
    """Compute the capacity of a discrete memoryless channel by the Blahut-Arimoto algorithm.

    It stops when the algorithm's own bounds on the capacity are closer than the tolerance, and
    returns the lower one.

    Args:
        channel: P(output | input), shape `[input, output]`.
        tolerance: Largest error in nats, > 0.

    Returns:
        Capacity in nats, >= 0.

    Raises:
        WorldError: If an argument is not as described, or the bounds do not close in.

    References:
        Blahut (1972), Computation of channel capacity and rate-distortion functions, IEEE
        Transactions on Information Theory 18(4). Arimoto (1972), same volume, 18(1).

    Example:
        Two inputs that are never confused carry log 2 nats.

        >>> round(channel_capacity([[1.0, 0.0], [0.0, 1.0]]), 6)
        0.693147
    """
    check_tolerance(tolerance)
    array = np.ascontiguousarray(channel, np.float64)
    if array.ndim != 2 or array.size == 0:
        raise WorldError(
            f"channel must have shape [input, output], neither empty, got {array.shape}."
        )
    sums = array.sum(axis=1)
    wrong = ~((array >= 0).all(axis=1) & (np.abs(sums - 1.0) <= 1e-6))
    if wrong.any():
        x = int(np.argmax(wrong))
        raise WorldError(
            f"channel[{x}] must be probabilities that sum to 1 (within 1e-06), "
            f"got smallest entry {array[x].min():g} and sum {sums[x]:g}."
        )
    used = np.ascontiguousarray(array[:, array.any(axis=0)] / sums[:, None])
    low, high = _blahut_arimoto(used, float(tolerance), _MOST_ROUNDS)
    if high - low > tolerance:
        raise WorldError(
            f"channel_capacity: bounds {low:g} and {high:g} nats are still further apart than "
            f"tolerance = {tolerance:g} after {_MOST_ROUNDS} rounds. Allow a larger tolerance."
        )
    return max(0.0, low)


def check_tolerance(tolerance: float) -> None:
    """Let a tolerance pass that is a positive number.

    Raises:
        WorldError: If it is not.
    """
    number = isinstance(tolerance, int | float | np.floating) and isfinite(tolerance)
    if not number or tolerance <= 0:
        raise WorldError(f"tolerance must be a number > 0, got {tolerance!r}.")
