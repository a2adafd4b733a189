"""POWER: how well an agent can do, on average over goals that it might have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slowturn.envs.errors import WorldError, unknown_name
from slowturn.envs.power.dynamics import check_discount, read_dynamics
from slowturn.envs.power.solver import solve_values

__all__ = ["REWARDS", "Power", "RewardSampler", "power"]

RewardSampler = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
"""Draws reward functions: takes a generator and the shape `[sample, state]` to fill."""


def _uniform(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.random(shape)


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_normal(shape)


REWARDS: dict[str, RewardSampler] = {"normal": _normal, "uniform": _uniform}
"""Reward distributions by name, independent and the same in every state: N(0, 1), U[0, 1]."""


class Power(NamedTuple):
    """POWER of each state, estimated by Monte Carlo.

    All states are judged by the same reward functions: their errors are correlated, and states
    compare better with each other than their standard errors say.

    Attributes:
        value: The estimate, in units of reward per step, shape `[state]`.
        standard_error: Its standard error, shape `[state]`.
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def power(
    transitions: ArrayLike,
    discount: float,
    *,
    reward: str | RewardSampler = "uniform",
    samples: int = 10_000,
    seed: int = 0,
) -> Power:
    """Estimate POWER(s) = (1 - g) / g E_R[V*_R(s) - R(s)] of every state.

    V*_R is the optimal value for rewards R of states. The reward of s itself is left out because
    the agent cannot help getting it; the factor makes the rest an average per step. It is solved
    to 1e-9 of the largest reward (see `solve_values`), far below any standard error.

    Args:
        transitions: Probabilities `[state, action, next state]`, or for deterministic worlds the
            next states `[state, action]` as integers. A state with fewer actions repeats one.
        discount: g in (0, 1).
        reward: A name in `REWARDS`, or a function that draws reward functions.
        samples: Reward functions to draw, at least 2.
        seed: Of the draws, >= 0: the same seed gives the same result.

    Returns:
        Estimates and standard errors.

    Raises:
        WorldError: If an argument is not as described, or the sampler draws a wrong shape or
            something that is not finite.

    References:
        Turner, Smith, Shah, Critch & Tadepalli (2021), Optimal policies tend to seek power,
        NeurIPS, definition 5.2.

    Example:
        State 0 may stay or move on to state 1, which has no choice: POWER there is E[R] = 1/2.

        >>> value, error = power([[0, 1], [1, 1]], 0.9)
        >>> bool(abs(value[1] - 1 / 2) < 3 * error[1])
        True
        >>> bool(value[0] > value[1])
        True
    """
    dynamics = read_dynamics(transitions)
    discount = check_discount(discount)
    for name, count, least in (("samples", samples, 2), ("seed", seed, 0)):
        if not isinstance(count, int | np.integer) or count < least:
            raise WorldError(f"power: {name} must be an integer >= {least}, got {count!r}.")
    rewards = _draw(reward, seed, (int(samples), dynamics.states))
    values = solve_values(rewards, discount, dynamics.actions, dynamics.rows)
    gains = (1.0 - discount) / discount * (values - rewards)
    return Power(gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(samples))


def _draw(reward: str | RewardSampler, seed: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    if isinstance(reward, str):
        if reward not in REWARDS:
            raise unknown_name("reward", reward, REWARDS)
        reward = REWARDS[reward]
    drawn = np.ascontiguousarray(reward(np.random.default_rng(seed), shape), np.float64)
    if drawn.shape != shape or not np.isfinite(drawn).all():
        what = "numbers that are not finite" if drawn.shape == shape else f"shape {drawn.shape}"
        raise WorldError(
            f"power: reward must draw finite numbers of the shape {shape} it is given "
            f"[sample, state], got {what}."
        )
    return drawn
