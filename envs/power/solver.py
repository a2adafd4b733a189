"""Compiled solvers: the optimal values of many reward functions in one tabular world.

Rewards belong to states: V(s) = R(s) + g max_a sum_s' P(s' | s, a) V(s'). Policy iteration
(Howard 1960) where a policy can be evaluated exactly, by following its path in a deterministic
world or by a linear solve in a small one; modified policy iteration (Puterman & Shin 1978) with
sweeps in place elsewhere.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.power.dynamics import Rows

__all__ = ["TOLERANCE", "solve_values", "state_action_values"]

TOLERANCE = 1e-9
"""Largest error of (1 - g) / g V, as a share of the largest absolute reward."""

_ROUNDING = 1e-14
"""Values grow like 1 / (1 - g), and their rounding with them: no solver does better."""

_DIRECT = 128
"""Up to so many states a linear solve is quicker than sweeps at the usual discounts."""

_SWEEPS = 100
"""Sweeps of one policy before it is improved again."""


@njit(cache=True, error_model="numpy", inline="always")
def _ahead(row: int, rows: Rows, value: NDArray[np.float64]) -> float:
    total = 0.0
    for k in range(rows.first[row], rows.first[row + 1]):
        total += rows.chance[k] * value[rows.successor[k]]
    return total


@njit(cache=True, error_model="numpy")
def _follow(
    reward: NDArray[np.float64],
    discount: float,
    rows: Rows,
    policy: NDArray[np.int64],
    value: NDArray[np.float64],
    mark: NDArray[np.int64],
    path: NDArray[np.int64],
) -> None:
    """Evaluate a policy of a deterministic world exactly: every path ends in a cycle."""
    mark[:] = -1
    for start in range(reward.shape[0]):
        length = 0
        s = start
        while mark[s] < 0:
            mark[s] = start
            path[length] = s
            length += 1
            s = rows.successor[rows.first[policy[s]]]
        closed = length
        # Seen before from this very start: s begins a cycle that nobody has evaluated.
        if mark[s] == start:
            total = 0.0
            while True:
                closed -= 1
                total = reward[path[closed]] + discount * total
                if path[closed] == s:
                    break
            # 1 - g^n without the cancellation that discounts close to 1 would suffer.
            value[s] = total / -np.expm1((length - closed) * np.log1p(discount - 1.0))
            for k in range(length - 1, closed, -1):
                after = rows.successor[rows.first[policy[path[k]]]]
                value[path[k]] = reward[path[k]] + discount * value[after]
        for k in range(closed - 1, -1, -1):
            after = rows.successor[rows.first[policy[path[k]]]]
            value[path[k]] = reward[path[k]] + discount * value[after]


@njit(cache=True, error_model="numpy")
def _solve(
    reward: NDArray[np.float64],
    discount: float,
    rows: Rows,
    policy: NDArray[np.int64],
    value: NDArray[np.float64],
) -> None:
    """Evaluate a policy of a small world exactly: (I - g P) V = R."""
    matrix = np.eye(reward.shape[0])
    for s in range(reward.shape[0]):
        for k in range(rows.first[policy[s]], rows.first[policy[s] + 1]):
            matrix[s, rows.successor[k]] -= discount * rows.chance[k]
    value[:] = np.linalg.solve(matrix, reward)


@njit(cache=True, error_model="numpy")
def _sweep(
    reward: NDArray[np.float64],
    discount: float,
    rows: Rows,
    policy: NDArray[np.int64],
    value: NDArray[np.float64],
) -> float:
    """Move towards the values of a policy in place; the largest change."""
    change = 0.0
    for s in range(reward.shape[0]):
        new = reward[s] + discount * _ahead(policy[s], rows, value)
        change = max(change, abs(new - value[s]))
        value[s] = new
    return change


@njit(cache=True, error_model="numpy")
def _improve(
    least: float,
    actions: int,
    rows: Rows,
    policy: NDArray[np.int64],
    value: NDArray[np.float64],
) -> bool:
    """Choose actions that are better by more than `least`; whether there were any."""
    changed = False
    for s in range(value.shape[0]):
        best = _ahead(policy[s], rows, value) + least
        for row in range(s * actions, (s + 1) * actions):
            ahead = _ahead(row, rows, value)
            if ahead > best:
                best = ahead
                policy[s] = row
                changed = True
    return changed


@njit(cache=True, error_model="numpy")
def solve_values(
    rewards: NDArray[np.float64], discount: float, actions: int, rows: Rows
) -> NDArray[np.float64]:
    """Find the optimal values of reward functions.

    (1 - g) / g times the error of a value is at most `TOLERANCE` times the largest absolute
    reward (more for discounts beyond .9999, where rounding may be larger than that).

    Args:
        rewards: Rewards of states, shape `[function, state]`.
        discount: g in (0, 1).
        actions: Number of actions in every state.
        rows: The dynamics.

    Returns:
        V, shape `[function, state]`.
    """
    count, states = rewards.shape
    values = np.empty((count, states))
    policy = np.arange(states) * actions
    mark = np.empty(states, np.int64)
    path = np.empty(states, np.int64)
    deterministic = rows.successor.shape[0] == states * actions
    tolerance = max(TOLERANCE, _ROUNDING / (1.0 - discount))
    for i in range(count):
        reward, value = rewards[i], values[i]
        least = tolerance * np.abs(reward).max()
        if deterministic or states <= _DIRECT:
            # The policy that the last reward function left is as good a start as any.
            last = -np.inf
            while True:
                if deterministic:
                    _follow(reward, discount, rows, policy, value, mark, path)
                else:
                    _solve(reward, discount, rows, policy, value)
                # Each policy is better than the last, unless rounding chose it: no circles.
                total = value.sum()
                if total <= last or not _improve(least, actions, rows, policy, value):
                    break
                last = total
            continue
        # From below every sweep moves up, so that sweeps of one policy keep the bound.
        value[:] = reward.min() / (1.0 - discount)
        while True:
            _improve(0.0, actions, rows, policy, value)
            if _sweep(reward, discount, rows, policy, value) <= least:
                break
            for _ in range(_SWEEPS):
                if _sweep(reward, discount, rows, policy, value) <= least:
                    break
    return values


@njit(cache=True, error_model="numpy")
def state_action_values(
    rewards: NDArray[np.float64],
    values: NDArray[np.float64],
    discount: float,
    actions: int,
    rows: Rows,
) -> NDArray[np.float64]:
    """Look one step ahead of values: Q, shape `[function, state, action]`."""
    count, states = rewards.shape
    out = np.empty((count, states, actions))
    for i in range(count):
        for s in range(states):
            for a in range(actions):
                ahead = _ahead(s * actions + a, rows, values[i])
                out[i, s, a] = rewards[i, s] + discount * ahead
    return out
