"""The three ways to evaluate a policy, against plain value iteration and closed forms."""

import numpy as np
import pytest

from slowturn.envs.power.dynamics import read_dynamics
from slowturn.envs.power.solver import TOLERANCE, solve_values

WAYS = {"path": (40, 1), "linear": (40, 3), "sweeps": (140, 3)}  # states, next states a row


def world(states, width, actions=3, seed=0):
    rng = np.random.default_rng(seed)
    out = np.zeros((states, actions, states))
    for s in range(states):
        for a in range(actions):
            after = rng.choice(states, width, replace=False)
            out[s, a, after] = rng.dirichlet(np.ones(width))
    return out


def solved(transitions, rewards, discount):
    dynamics = read_dynamics(transitions)
    return solve_values(rewards, discount, dynamics.actions, dynamics.rows)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("discount", [0.1, 0.9, 0.98])
def test_values_are_those_of_value_iteration(way, discount):
    states, width = WAYS[way]
    transitions = world(states, width)
    assert read_dynamics(transitions).deterministic == (way == "path")
    rewards = np.random.default_rng(1).uniform(-7, 3, (3, states))
    expected = np.zeros_like(rewards)
    for _ in range(int(np.log(1e-13) / np.log(discount))):
        ahead = (transitions @ expected.T).max(axis=1).T
        expected = rewards + discount * ahead
    error = np.abs(solved(transitions, rewards, discount) - expected).max()
    assert (1 - discount) / discount * error <= TOLERANCE * 7 + 1e-11


@pytest.mark.parametrize("way", WAYS)
def test_rewards_that_are_equal_everywhere_leave_nothing_to_choose(way):
    states, width = WAYS[way]
    rewards = np.array([[-3.0], [0.0], [5.0]]) * np.ones(states)
    actual = solved(world(states, width), rewards, 0.9)
    np.testing.assert_allclose(actual, rewards * 10, rtol=1e-8)


@pytest.mark.parametrize("way", WAYS)
def test_a_reward_function_is_solved_alike_alone_and_after_others(way):
    states, width = WAYS[way]
    rewards = np.random.default_rng(2).random((5, states))
    transitions = world(states, width)
    together = solved(transitions, rewards, 0.9)
    for reward, value in zip(rewards, together, strict=True):
        np.testing.assert_allclose(solved(transitions, reward[None], 0.9)[0], value, rtol=1e-7)


@pytest.mark.parametrize("patience", [1e-5, 1e-7, 1e-9])
def test_a_choice_between_twins_does_not_go_in_circles(patience):
    """State 10 chooses between two copies of one world, which only rounding tells apart."""
    rng = np.random.default_rng(0)
    copy, order = rng.dirichlet(np.ones(5), (5, 2)), rng.permutation(5)
    transitions = np.zeros((11, 2, 11))
    transitions[:5, :, :5] = copy
    transitions[5:10, :, 5:10] = copy[order][:, :, order]
    twin = 5 + np.argsort(order)
    transitions[10] = np.eye(11)[[0, twin[0]]]
    reward = rng.integers(0, 2, (20, 5)).astype(float)
    rewards = np.concatenate([reward, reward[:, order], np.zeros((20, 1))], axis=1)
    per_step = patience * solved(transitions, rewards, 1 - patience)
    np.testing.assert_allclose(per_step[:, :5], per_step[:, twin], atol=1e-5)
    np.testing.assert_allclose(per_step[:, 10], per_step[:, 0], atol=2e-5)


@pytest.mark.parametrize("discount", [1 - 1e-6, 1 - 1e-12])
def test_cycles_are_averaged_exactly_at_discounts_close_to_1(discount):
    """A ring of 7 beside a state that stays: the per-step value is the better mean."""
    table = np.array([[(s + 1) % 7, 7] for s in range(7)] + [[7, 7]])
    rewards = np.array([[1.0, 0, 0, 0, 0, 0, 0, 0.1], [1.0, 0, 0, 0, 0, 0, 0, 0.2]])
    per_step = (1 - discount) * solved(table, rewards, discount)
    expected = [[1 / 7] * 7 + [0.1], [0.2] * 8]
    np.testing.assert_allclose(per_step, expected, atol=1e-5)


def test_a_path_into_a_cycle_that_an_earlier_state_evaluated():
    table = np.array([[1], [2], [1], [0], [3]])  # 4 -> 3 -> 0 -> 1 <-> 2
    actual = solved(table, np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 0.5)[0]
    one = (2 + 0.5 * 3) / (1 - 0.25)
    two = 3 + 0.5 * one
    zero = 1 + 0.5 * one
    three = 4 + 0.5 * zero
    np.testing.assert_allclose(actual, [zero, one, two, three, 5 + 0.5 * three], rtol=1e-14)
