"""Attainable utilities and their penalty, by hand."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power import attainable_q, attainable_values, aup_penalty

NOOP, GO = 0, 1
ONE_WAY = [[0, 1], [1, 1]]  # from 0 to 1 and never back
REWARDS = [[0.0, 1.0], [1.0, 0.0]]


def test_values_and_actions_by_hand():
    np.testing.assert_allclose(attainable_values(ONE_WAY, REWARDS, 0.5), [[1, 2], [2, 0]])
    expected = [[[0.5, 1], [2, 2]], [[2, 1], [0, 0]]]
    np.testing.assert_allclose(attainable_q(ONE_WAY, REWARDS, 0.5), expected)


def test_the_penalty_is_the_mean_change_of_both_signs():
    """Going gains .5 for the first reward and loses 1 for the second."""
    actual = aup_penalty(ONE_WAY, REWARDS, 0.5, noop=NOOP)
    np.testing.assert_allclose(actual, [[0, 0.75], [0, 0]])
    twice = aup_penalty(ONE_WAY, REWARDS + REWARDS, 0.5, noop=NOOP)
    np.testing.assert_allclose(twice, actual)


def test_another_noop_moves_the_zero():
    actual = aup_penalty(ONE_WAY, REWARDS, 0.5, noop=GO)
    np.testing.assert_allclose(actual, [[0.75, 0], [0, 0]])


def test_chances_are_averaged_before_they_are_compared():
    """Going works half of the time: V(0) = .25 V(1) / (1 - .25) for the first reward."""
    slippery = np.array([[[1, 0], [0.5, 0.5]], [[0, 1], [0, 1]]])
    zero = 0.25 * 2 / 0.75
    q = attainable_q(slippery, REWARDS[0], 0.5)
    np.testing.assert_allclose(q, [[[0.5 * zero, zero], [2, 2]]])
    actual = aup_penalty(slippery, REWARDS[0], 0.5, noop=NOOP)
    np.testing.assert_allclose(actual, [[0, 0.5 * zero], [0, 0]])


def test_the_best_action_has_the_value_of_the_state():
    rng = np.random.default_rng(0)
    transitions = rng.dirichlet(np.ones(6), (6, 3))
    rewards = rng.standard_normal((4, 6))
    q = attainable_q(transitions, rewards, 0.9)
    np.testing.assert_allclose(q.max(axis=2), attainable_values(transitions, rewards, 0.9))


@pytest.mark.parametrize(
    ("rewards", "shape"), [([1.0, 2.0, 3.0], "(3,)"), (np.ones((0, 2)), "(0, 2)"), (1.0, "()")]
)
@pytest.mark.parametrize("measure", [attainable_values, attainable_q])
def test_rewards_of_a_wrong_shape_are_errors(measure, rewards, shape):
    with pytest.raises(WorldError) as error:
        measure(ONE_WAY, rewards, 0.5)
    assert str(error.value) == (
        "rewards must have shape [function, state] or [state] with 2 states and at least one "
        f"function, got shape {shape}."
    )


def test_rewards_must_be_finite():
    with pytest.raises(WorldError) as error:
        attainable_values(ONE_WAY, [[0.0, 1.0], [0.0, np.inf]], 0.5)
    assert str(error.value) == "rewards must be finite, got inf for function 1, state 1."


@pytest.mark.parametrize("noop", [-1, 2, 0.0])
def test_the_noop_must_be_an_action(noop):
    with pytest.raises(WorldError) as error:
        aup_penalty(ONE_WAY, REWARDS, 0.5, noop=noop)
    assert str(error.value) == (
        f"aup_penalty: noop must be the number of an action in 0..1, got {noop}."
    )


@pytest.mark.parametrize("measure", [attainable_values, attainable_q])
def test_the_discount_is_checked(measure):
    with pytest.raises(WorldError, match=r"^discount must be a number in \(0, 1\), got 0\."):
        measure(ONE_WAY, REWARDS, 0)
