"""Reachability: which states an agent can still get to, and how that differs from a baseline."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, eye_array

from slowturn.envs.errors import WorldError
from slowturn.envs.power.dynamics import Dynamics, Rows, check_discount, read_dynamics

__all__ = ["reachability", "reachable_states", "reached_after", "relative_reachability"]

_TOLERANCE = 1e-9


def reachable_states(transitions: ArrayLike, horizon: int | None = None) -> NDArray[np.int64]:
    """Count the states that can be reached from every state, itself included.

    A state counts if some choice of actions leads to it with a probability above zero.

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers.
        horizon: Steps within which to get there, >= 0; None for any number.

    Returns:
        Counts, shape `[state]`.

    Raises:
        WorldError: If an argument is not as described.

    Example:
        Three cells that can only be walked to the right:

        >>> reachable_states([[0, 1], [1, 2], [2, 2]])
        array([3, 2, 1])
        >>> reachable_states([[0, 1], [1, 2], [2, 2]], horizon=1)
        array([2, 2, 1])
    """
    dynamics = read_dynamics(transitions)
    if horizon is not None and (not isinstance(horizon, int | np.integer) or horizon < 0):
        raise WorldError(
            f"reachable_states: horizon must be an integer >= 0, or None, got {horizon!r}."
        )
    # Staying where one is for free turns "after n steps" into "within n steps".
    edges = _marked(dynamics.edges() + eye_array(dynamics.states, format="csr"))
    reached = csr_array(eye_array(dynamics.states, format="csr"))
    steps, count = 0, -1
    while count < reached.nnz and (horizon is None or steps < horizon):
        count = reached.nnz
        reached = _marked(reached @ edges)
        steps += 1
    return np.diff(reached.indptr).astype(np.int64)


def reached_after(dynamics: Dynamics, steps: int) -> csr_array:
    """Mark the states that can be reached in exactly so many steps, `[state, end state]`."""
    edges = dynamics.edges()
    reached = edges
    for _ in range(steps - 1):
        reached = _marked(reached @ edges)
    return reached


def _marked(counts: csr_array) -> csr_array:
    out = csr_array(counts)
    out.data[:] = 1.0
    return out


def reachability(transitions: ArrayLike, discount: float) -> NDArray[np.float64]:
    """Compute how soon each state can be reached from each: max over policies of E[g^N].

    N is the number of steps to the target, so that the target reaches itself with 1, and what
    cannot be reached has 0.

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers.
        discount: g in (0, 1). Close to 1 it matters only whether a state can be reached.

    Returns:
        Reachability in [0, 1] to an error of 1e-9, shape `[state, target]`.

    Raises:
        WorldError: If an argument is not as described.

    References:
        Krakovna, Orseau, Kumar, Martic & Legg (2018), Penalizing side effects using stepwise
        relative reachability, arXiv:1806.01186.

    Example:
        >>> reachability([[0, 1], [1, 2], [2, 2]], 0.5)
        array([[1.  , 0.5 , 0.25],
               [0.  , 1.  , 0.5 ],
               [0.  , 0.  , 1.  ]])
    """
    dynamics = read_dynamics(transitions)
    discount = check_discount(discount)
    return _reach(dynamics.rows, dynamics.actions, dynamics.states, discount).T.copy()


def relative_reachability(transitions: ArrayLike, discount: float) -> NDArray[np.float64]:
    """Compute what being in one state instead of a baseline state puts out of reach.

    The mean over targets of max(0, reachability from the baseline - reachability from the state).
    Only losses count. Follow it along a rollout with the states of a baseline beside it, such as
    the first state, or where doing nothing would have led (see `along`).

    Args:
        transitions: As for `reachability`.
        discount: As for `reachability`.

    Returns:
        Loss of reachability in [0, 1], shape `[state, baseline]`.

    Raises:
        WorldError: If an argument is not as described.

    References:
        Krakovna, Orseau, Kumar, Martic & Legg (2018), as above: the deviation d_RR.

    Example:
        >>> relative_reachability([[0, 1], [1, 1]], 0.5)
        array([[0.  , 0.25],
               [0.5 , 0.  ]])
    """
    reach = reachability(transitions, discount)
    return np.array([np.maximum(reach - own, 0.0).mean(axis=1) for own in reach])


@njit(cache=True, error_model="numpy")
def _reach(rows: Rows, actions: int, states: int, discount: float) -> NDArray[np.float64]:
    """Value iteration in place for one target after the other, `[target, state]`."""
    out = np.zeros((states, states))
    for target in range(states):
        value = out[target]
        value[target] = 1.0
        change = 1.0
        while change > _TOLERANCE * (1.0 - discount):
            change = 0.0
            for s in range(states):
                if s == target:
                    continue
                best = 0.0
                for row in range(s * actions, (s + 1) * actions):
                    ahead = 0.0
                    for k in range(rows.first[row], rows.first[row + 1]):
                        ahead += rows.chance[k] * value[rows.successor[k]]
                    best = max(best, discount * ahead)
                change = max(change, best - value[s])
                value[s] = best
    return out
