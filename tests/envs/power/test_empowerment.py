"""Empowerment: counted in deterministic worlds, a capacity elsewhere."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power import empowerment


def grid(side):
    """Stay, or move in one of four directions unless there is a wall."""

    def cell(row, column):
        return min(max(row, 0), side - 1) * side + min(max(column, 0), side - 1)

    return np.array(
        [
            [cell(r, c), cell(r - 1, c), cell(r + 1, c), cell(r, c - 1), cell(r, c + 1)]
            for r in range(side)
            for c in range(side)
        ]
    )


@pytest.mark.parametrize("horizon", [1, 2, 3, 12])
def test_in_a_grid_it_is_the_log_of_the_cells_in_range(horizon):
    rows, columns = np.divmod(np.arange(36), 6)
    distance = np.abs(rows[:, None] - rows) + np.abs(columns[:, None] - columns)
    expected = np.log((distance <= horizon).sum(axis=1))
    np.testing.assert_allclose(empowerment(grid(6), horizon), expected)


def test_only_states_after_exactly_so_many_steps_count():
    ring = [[(s - 1) % 8, (s + 1) % 8] for s in range(8)]
    for horizon, count in ((1, 2), (2, 3), (3, 4), (4, 4), (5, 4)):
        np.testing.assert_allclose(np.exp(empowerment(ring, horizon)), np.full(8, count))


def test_a_long_horizon_is_counted_and_not_listed():
    assert empowerment(grid(6), 1000, max_sequences=1)[0] == pytest.approx(np.log(36))


def test_the_capacity_of_a_clear_channel_is_the_count():
    """One state flips a coin, so that sequences are listed for all."""
    table = grid(3)
    world = np.zeros((10, 5, 10))
    world[:9, :, :9] = np.eye(9)[table]
    world[9, :, [8, 9]] = 0.5
    for horizon in (1, 2, 3):
        actual = empowerment(world, horizon)
        np.testing.assert_allclose(actual[:9], empowerment(table, horizon), atol=1e-6)
        assert actual[9] < actual[8]


@pytest.mark.parametrize("horizon", [1, 2, 40])
@pytest.mark.parametrize("slip", [0.1, 0.25, 0.5])
def test_actions_that_slip_are_a_binary_symmetric_channel(slip, horizon):
    """Each action names a state and misses it at times: only the last one matters."""
    world = np.tile([[1 - slip, slip], [slip, 1 - slip]], (2, 1, 1))
    expected = np.log(2) + slip * np.log(slip) + (1 - slip) * np.log(1 - slip)
    np.testing.assert_allclose(empowerment(world, horizon), [expected] * 2, atol=1e-6)


def test_sequences_are_chosen_in_advance():
    """After a coin toss action 0 leads home from heads and 1 from tails: no sequence controls."""
    start, heads, tails, home, lost = range(5)
    world = np.zeros((5, 2, 5))
    world[start, :, [heads, tails]] = 0.5
    world[heads] = np.eye(5)[[home, lost]]
    world[tails] = np.eye(5)[[lost, home]]
    world[[home, lost], :, [home, lost]] = 1
    np.testing.assert_allclose(empowerment(world, 2)[start], 0, atol=1e-9)
    np.testing.assert_allclose(empowerment(world, 1)[[heads, tails]], np.log(2), atol=1e-6)


def test_units():
    world = grid(3)
    np.testing.assert_allclose(empowerment(world, 9, unit="bits"), np.log2(9) * np.ones(9))
    np.testing.assert_allclose(empowerment(world, 9, unit="nats"), np.log(9) * np.ones(9))


NOISY = np.random.default_rng(0).dirichlet(np.ones(3), (3, 2))


def test_too_many_sequences_are_an_error_that_names_the_way_out():
    with pytest.raises(WorldError) as error:
        empowerment(NOISY, 20, max_sequences=15)
    assert str(error.value) == (
        "empowerment: 8 outcomes x 2 actions at step 4 of 20 from state 0 are more than "
        "max_sequences = 15. Shorten the horizon, leave out actions that do the same, or raise "
        "max_sequences (memory and time grow with it)."
    )
    assert empowerment(NOISY, 4, max_sequences=16).shape == (3,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "empowerment: horizon must be an integer >= 1, got 0."),
        ({"horizon": 1.5}, "empowerment: horizon must be an integer >= 1, got 1.5."),
        ({"max_sequences": 0}, "empowerment: max_sequences must be an integer >= 1, got 0."),
        (
            {"unit": "bit"},
            "unknown unit 'bit': choose from 'bits', 'nats'. Did you mean 'bits'?",
        ),
        ({"tolerance": -1.0}, "tolerance must be a number > 0, got -1.0."),
    ],
)
def test_options_that_make_no_sense_are_errors(options, message):
    with pytest.raises(WorldError) as error:
        empowerment(grid(2), **{"horizon": 1, **options})
    assert str(error.value) == message


def test_transitions_are_checked():
    with pytest.raises(WorldError, match=r"^transitions\[0, 0\] must sum to 1"):
        empowerment(0.5 * NOISY, 1)
