"""POWER, against the closed forms of a case study and of order statistics."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power import power, successor_table

# The case study: at the start one chooses between nothing, left and right.
START, NOTHING, LEFT, RIGHT, LU, LD, RU, RD = range(8)
CASE = successor_table(
    [
        [NOTHING, LEFT, RIGHT],
        [NOTHING],
        [LU, LD],
        [RU, RD],
        [LD],
        [LU, LD],
        [RU, RD],
        [RU, RD],
    ]
)
DISCOUNTS = [0.1, 0.5, 0.9, 0.99]


@pytest.mark.parametrize("discount", DISCOUNTS)
def test_case_study_on_the_right_and_at_nothing_is_the_same_at_every_discount(discount):
    value, error = power(CASE, discount)
    for states, expected in (([NOTHING], 1 / 2), ([RIGHT, RU, RD], 2 / 3)):
        assert (np.abs(value[states] - expected) < 3 * error[states]).all()
    assert (error < 0.004).all()
    np.testing.assert_allclose(value[[RU, RD]], value[RIGHT], rtol=1e-8)


@pytest.mark.parametrize("discount", DISCOUNTS)
def test_case_study_on_the_left_depends_on_the_discount(discount):
    """LU must come back to LD: from LD the best is R(LD) + max(0, R(LU) - R(LD)) / (1 + g)."""
    value, error = power(CASE, discount)
    down = 1 / 2 + 1 / 6 / (1 + discount)
    up = (1 - discount) / 2 + discount * down
    for state, expected in ((LEFT, down), (LD, down), (LU, up)):
        assert abs(value[state] - expected) < 3 * error[state]
    assert value[RIGHT] > value[LEFT] > value[NOTHING]


def test_case_study_at_the_start_for_patient_agents():
    """The mean over U[0, 1] of the largest of nothing, the best of left and the best of right."""
    value, error = power(CASE, 0.9999)
    assert abs(value[START] - 517 / 640) < 3 * error[START] + 1e-4


def test_case_study_at_the_start_for_impatient_agents_is_the_largest_of_three():
    value, error = power(CASE, 1e-6)
    assert abs(value[START] - 3 / 4) < 3 * error[START]


def test_probabilities_and_a_table_agree():
    table = power(CASE, 0.9, samples=100)
    dense = power(np.eye(8)[CASE], 0.9, samples=100)
    np.testing.assert_array_equal(table.value, dense.value)


@pytest.mark.parametrize("choices", [1, 2, 5])
@pytest.mark.parametrize("discount", [0.2, 0.95])
def test_free_choice_gives_the_largest_of_so_many_rewards(choices, discount):
    everywhere = np.tile(np.arange(choices), (choices, 1))
    value, error = power(everywhere, discount)
    assert (np.abs(value - choices / (choices + 1)) < 3 * error).all()


def test_a_choice_between_gambles_is_worth_less_than_one_between_states():
    """Two states, reached with 3/4 and 1/4: E max of the two mixtures is 1/2 + (1/2) (1/6)."""
    mixed = np.tile([[0.75, 0.25], [0.25, 0.75]], (2, 1, 1))
    value, error = power(mixed, 0.9)
    assert (np.abs(value - 7 / 12) < 3 * error).all()


def test_normal_rewards():
    value, error = power([[0, 1], [0, 1]], 0.9, reward="normal")
    assert (np.abs(value - 1 / np.sqrt(np.pi)) < 3 * error).all()


def test_rewards_of_your_own():
    def opposed(rng, shape):
        first = rng.choice([-1.0, 1.0], shape[0])
        return np.stack([first, -first], axis=1)

    value, error = power([[0, 1], [0, 1]], 0.9, reward=opposed, samples=10)
    np.testing.assert_allclose(value, [1, 1], rtol=1e-9)
    np.testing.assert_allclose(error, [0, 0], atol=1e-9)


def test_the_error_at_a_self_loop_is_that_of_a_mean():
    _, error = power([[0]], 0.7, samples=20_000)
    assert error[0] == pytest.approx(np.sqrt(1 / 12 / 20_000), rel=0.02)


def test_errors_are_as_large_as_the_scatter_over_seeds():
    runs = [power([[0, 1, 2]] * 3, 0.9, samples=50, seed=seed) for seed in range(300)]
    scores = [(run.value[0] - 3 / 4) / run.standard_error[0] for run in runs]
    assert abs(np.mean(scores)) < 0.25
    assert 0.85 < np.std(scores) < 1.2


def test_the_same_seed_gives_the_same_result_and_another_another():
    for transitions in (CASE, 0.5 * np.eye(8)[CASE] + 0.5 / 8):
        one, two, other = (power(transitions, 0.9, samples=50, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert (one.value != other.value).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 1}, "power: samples must be an integer >= 2, got 1."),
        ({"samples": 2.5}, "power: samples must be an integer >= 2, got 2.5."),
        ({"seed": -1}, "power: seed must be an integer >= 0, got -1."),
        (
            {"reward": "unifrom"},
            "unknown reward 'unifrom': choose from 'normal', 'uniform'. Did you mean 'uniform'?",
        ),
        (
            {"reward": lambda rng, shape: rng.random(shape[0]), "samples": 4},
            (
                "power: reward must draw finite numbers of the shape (4, 8) it is given "
                "[sample, state], got shape (4,)."
            ),
        ),
        (
            {"reward": lambda _, shape: np.full(shape, np.nan), "samples": 4},
            (
                "power: reward must draw finite numbers of the shape (4, 8) it is given "
                "[sample, state], got numbers that are not finite."
            ),
        ),
    ],
)
def test_options_that_make_no_sense_are_errors(options, message):
    with pytest.raises(WorldError) as error:
        power(CASE, 0.9, **options)
    assert str(error.value) == message


def test_transitions_and_discount_are_checked():
    with pytest.raises(WorldError, match=r"^transitions\[0, 0\] must name a state in 0\.\.0, got"):
        power([[1]], 0.9)
    with pytest.raises(WorldError, match=r"^discount must be a number in \(0, 1\), got 1\."):
        power([[0]], 1)
