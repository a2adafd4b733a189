"""Empowerment: how much an agent's actions can tell about the state that they lead to."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slowturn.envs.errors import WorldError, unknown_name
from slowturn.envs.power.capacity import channel_capacity, check_tolerance
from slowturn.envs.power.dynamics import read_dynamics
from slowturn.envs.power.reachability import reached_after

__all__ = ["Unit", "empowerment"]

Unit = Literal["nats", "bits"]

_SAME = 12
"""Distributions that agree to so many decimals count as one outcome."""


def empowerment(
    transitions: ArrayLike,
    horizon: int,
    *,
    unit: Unit = "nats",
    tolerance: float = 1e-6,
    max_sequences: int = 10_000,
) -> NDArray[np.float64]:
    """Compute the n-step empowerment of every state.

    The capacity of the channel from sequences of n actions, chosen in advance (open loop), to
    the state after them: max over p(a_1..a_n) of I(a_1..a_n; s_n). In a deterministic world that
    is the log of the number of states that can be reached in exactly n steps; it is counted
    without listing sequences. Elsewhere sequences are grown action by action, and those with
    the same outcome are merged at once.

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers.
        horizon: n, the number of actions, at least 1.
        unit: `nats` or `bits`.
        tolerance: Largest error of the capacity in nats, > 0 (see `channel_capacity`).
        max_sequences: Most sequences with different outcomes to go on with.

    Returns:
        Empowerment, shape `[state]`.

    Raises:
        WorldError: If an argument is not as described, there are more sequences than allowed, or
            the capacity does not converge.

    References:
        Klyubin, Polani & Nehaniv (2005), Empowerment: a universal agent-centric measure of
        control, IEEE CEC.

    Example:
        A corridor of five cells; actions: left, stay, right.

        >>> corridor = [[max(s - 1, 0), s, min(s + 1, 4)] for s in range(5)]
        >>> np.exp(empowerment(corridor, 1)).round(6)
        array([2., 3., 3., 3., 2.])
        >>> np.exp(empowerment(corridor, 2)).round(6)
        array([3., 4., 5., 4., 3.])
    """
    dynamics = read_dynamics(transitions)
    for name, count in (("horizon", horizon), ("max_sequences", max_sequences)):
        if not isinstance(count, int | np.integer) or count < 1:
            raise WorldError(f"empowerment: {name} must be an integer >= 1, got {count!r}.")
    if unit not in get_args(Unit):
        raise unknown_name("unit", unit, get_args(Unit))
    check_tolerance(tolerance)
    if dynamics.deterministic:
        nats = np.log(np.diff(reached_after(dynamics, int(horizon)).indptr))
    else:
        chances = dynamics.dense()
        nats = np.array(
            [
                channel_capacity(
                    _outcomes(chances, state, horizon, max_sequences), tolerance=tolerance
                )
                for state in range(dynamics.states)
            ]
        )
    return nats / np.log(2.0) if unit == "bits" else nats


def _outcomes(
    chances: NDArray[np.float64], state: int, horizon: int, most: int
) -> NDArray[np.float64]:
    """Distributions of the state after all sequences, without repetitions, `[outcome, state]`."""
    states, actions, _ = chances.shape
    rows = np.zeros((1, states))
    rows[0, state] = 1.0
    for step in range(1, horizon + 1):
        if len(rows) * actions > most:
            raise WorldError(
                f"empowerment: {len(rows)} outcomes x {actions} actions at step {step} of "
                f"{horizon} from state {state} are more than max_sequences = {most}. Shorten the "
                "horizon, leave out actions that do the same, or raise max_sequences (memory and "
                "time grow with it)."
            )
        rows = np.concatenate([rows @ chances[:, action] for action in range(actions)])
        _, first = np.unique(rows.round(_SAME), axis=0, return_index=True)
        rows = rows[first]
    return rows
