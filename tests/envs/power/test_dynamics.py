"""The two forms of transitions, and what is no transition at all."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power.dynamics import check_discount, read_dynamics, successor_table

NOISY = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]])


def test_both_forms_of_a_deterministic_world_read_the_same():
    table = np.array([[1, 0], [1, 1], [0, 2]])
    for form in (table, np.eye(3)[table], np.eye(3, dtype=int)[table], table.tolist()):
        read = read_dynamics(form)
        assert (read.states, read.actions, read.deterministic) == (3, 2, True)
        np.testing.assert_array_equal(read.dense(), np.eye(3)[table])


def test_probabilities_are_kept():
    read = read_dynamics(NOISY)
    assert (read.states, read.actions, read.deterministic) == (2, 2, False)
    np.testing.assert_array_equal(read.dense(), NOISY)
    np.testing.assert_array_equal(read.edges().toarray(), [[1, 1], [1, 1]])


def test_rows_in_single_precision_are_rescaled():
    thirds = np.full((3, 1, 3), 1 / 3, np.float32)
    assert thirds[0, 0].astype(float).sum() != 1
    np.testing.assert_allclose(read_dynamics(thirds).dense().sum(axis=2), 1, atol=1e-15)


def test_short_rows_of_choices_repeat_their_first():
    np.testing.assert_array_equal(successor_table([[2], [0, 1, 2], [1, 0]])[0], [2, 2, 2])
    np.testing.assert_array_equal(successor_table([[2], [0, 1, 2], [1, 0]])[2], [1, 0, 1])


def test_a_state_without_choices_is_an_error():
    with pytest.raises(WorldError) as error:
        successor_table([[0, 1], []])
    assert str(error.value) == (
        "successor_table: choices[1] must name at least one next state, got none. "
        "A state that ends the episode leads to itself: [1]."
    )


def changed(state, action, row):
    out = NOISY.copy()
    out[state, action] = row
    return out


SHAPE = (
    "transitions must be probabilities [state, action, next state] or, for deterministic worlds, "
    "integers [state, action] that name the next state, with at least one state and one action; "
)
FEWER = (
    "A state with fewer actions repeats one of them; a state that ends the episode leads to itself."
)


@pytest.mark.parametrize(
    ("transitions", "message"),
    [
        (np.zeros((2, 3, 4)), SHAPE + "got shape (2, 3, 4) of float64."),
        (np.zeros((2, 2)), SHAPE + "got shape (2, 2) of float64."),
        (np.zeros((2, 0), int), SHAPE + "got shape (2, 0) of int64."),
        (np.zeros((0, 2, 0)), SHAPE + "got shape (0, 2, 0) of float64."),
        ("grid", SHAPE + "got shape () of <U4."),
        (
            [[0, 1], [1]],
            (
                "transitions must be one array, got rows of different lengths. Where states differ "
                "in their number of actions, make them equal with successor_table."
            ),
        ),
        (
            [[0, 1], [2, 1]],
            (
                "transitions[1, 0] must name a state in 0..1, got 2. "
                "A state with fewer actions repeats one of them: see successor_table."
            ),
        ),
        (
            [[0, -1], [0, 1]],
            (
                "transitions[0, 1] must name a state in 0..1, got -1. "
                "A state with fewer actions repeats one of them: see successor_table."
            ),
        ),
        (changed(1, 0, [1.5, -0.5]), "transitions[1, 0, 1] must be a probability, got -0.5."),
        (changed(0, 1, [np.nan, 1]), "transitions[0, 1, 0] must be a probability, got nan."),
        (
            changed(1, 1, [0.4, 0.5]),
            f"transitions[1, 1] must sum to 1 over next states (within 1e-06), got 0.9. {FEWER}",
        ),
        (
            changed(0, 1, [0, 0]),
            f"transitions[0, 1] must sum to 1 over next states (within 1e-06), got 0. {FEWER}",
        ),
        (
            changed(0, 1, [0, np.inf]),
            f"transitions[0, 1] must sum to 1 over next states (within 1e-06), got inf. {FEWER}",
        ),
    ],
)
def test_what_is_no_transition_is_an_error(transitions, message):
    with pytest.raises(WorldError) as error:
        read_dynamics(transitions)
    assert str(error.value) == message


@pytest.mark.parametrize("discount", [0.0, 1.0, -0.5, 1.5, float("nan"), float("inf"), "0.9"])
def test_a_discount_is_strictly_between_0_and_1(discount):
    with pytest.raises(WorldError) as error:
        check_discount(discount)
    assert str(error.value) == (
        f"discount must be a number in (0, 1), got {discount!r}. "
        "For the limits take one close to them, such as .001 or .999."
    )
