"""Attainable utility: how well an agent could do at goals that are not its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.power.dynamics import Dynamics, check_discount, read_dynamics
from slowturn.envs.power.solver import solve_values, state_action_values

__all__ = ["attainable_q", "attainable_values", "aup_penalty"]


def attainable_values(
    transitions: ArrayLike, rewards: ArrayLike, discount: float
) -> NDArray[np.float64]:
    """Find the optimal value of every state for each of several reward functions.

    V(s) = R(s) + g max_a E[V(s') | s, a], to an error of 1e-9 g / (1 - g) times the largest
    absolute reward.

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers.
        rewards: Reward of being in a state, shape `[function, state]`, or `[state]` for one.
        discount: g in (0, 1).

    Returns:
        Discounted sums of reward, shape `[function, state]`.

    Raises:
        WorldError: If an argument is not as described.

    Example:
        >>> attainable_values([[0, 1], [1, 1]], [0.0, 1.0], 0.5)
        array([[1., 2.]])
    """
    dynamics = read_dynamics(transitions)
    return solve_values(
        _check_rewards(rewards, dynamics), check_discount(discount), dynamics.actions, dynamics.rows
    )


def attainable_q(
    transitions: ArrayLike, rewards: ArrayLike, discount: float
) -> NDArray[np.float64]:
    """Find the optimal value of every action for each of several reward functions.

    Q(s, a) = R(s) + g E[V(s') | s, a]. Arguments, errors and accuracy are those of
    `attainable_values`.

    Returns:
        Discounted sums of reward, shape `[function, state, action]`.

    Example:
        >>> attainable_q([[0, 1], [1, 1]], [0.0, 1.0], 0.5)
        array([[[0.5, 1. ],
                [2. , 2. ]]])
    """
    dynamics = read_dynamics(transitions)
    rewards = _check_rewards(rewards, dynamics)
    discount = check_discount(discount)
    values = solve_values(rewards, discount, dynamics.actions, dynamics.rows)
    return state_action_values(rewards, values, discount, dynamics.actions, dynamics.rows)


def aup_penalty(
    transitions: ArrayLike, rewards: ArrayLike, discount: float, *, noop: int
) -> NDArray[np.float64]:
    """Penalise every action for what it changes about other goals, against doing nothing.

    The mean over auxiliary reward functions R of |Q_R(s, a) - Q_R(s, noop)|: gained ability
    counts like lost ability. (The paper sums over the functions and leaves the scale to a weight;
    a mean does not grow with their number.)

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers.
        rewards: Auxiliary rewards of states, shape `[function, state]`, or `[state]` for one.
        discount: g in (0, 1).
        noop: The action that does nothing.

    Returns:
        Penalties in units of discounted reward, >= 0, shape `[state, action]`.

    Raises:
        WorldError: If an argument is not as described.

    References:
        Turner, Hadfield-Menell & Tadepalli (2020), Conservative agency via attainable utility
        preservation, AIES: PENALTY(s, a).

    Example:
        >>> aup_penalty([[0, 1], [1, 1]], [0.0, 1.0], 0.5, noop=0)
        array([[0. , 0.5],
               [0. , 0. ]])
    """
    q = attainable_q(transitions, rewards, discount)
    actions = q.shape[2]
    if not isinstance(noop, int | np.integer) or not 0 <= noop < actions:
        raise WorldError(
            f"aup_penalty: noop must be the number of an action in 0..{actions - 1}, got {noop!r}."
        )
    penalty: NDArray[np.float64] = np.abs(q - q[:, :, noop, None]).mean(axis=0)
    return penalty


def _check_rewards(rewards: ArrayLike, dynamics: Dynamics) -> NDArray[np.float64]:
    array = np.atleast_2d(np.ascontiguousarray(rewards, np.float64))
    if array.ndim != 2 or array.shape[1] != dynamics.states or len(array) == 0:
        raise WorldError(
            f"rewards must have shape [function, state] or [state] with {dynamics.states} states "
            f"and at least one function, got shape {np.shape(rewards)}."
        )
    if not np.isfinite(array).all():
        f, s = np.argwhere(~np.isfinite(array))[0].tolist()
        raise WorldError(
            f"rewards must be finite, got {array[f, s]:g} for function {f}, state {s}."
        )
    return array
