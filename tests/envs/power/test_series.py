"""Time series of measures along rollouts."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power import along, power, relative_reachability

VISITED = np.array([[0, 0, 1, 2], [0, 1, 2, 2]])


def test_values_follow_the_states():
    actual = along([0.1, 0.2, 0.4], VISITED)
    np.testing.assert_array_equal(actual, [[0.1, 0.1, 0.2, 0.4], [0.1, 0.2, 0.4, 0.4]])


def test_actions_beside_states():
    table = np.arange(6.0).reshape(3, 2)
    actual = along(table, VISITED, beside=[[0, 1, 0, 1], [1, 1, 1, 0]])
    np.testing.assert_array_equal(actual, [[0, 1, 2, 5], [1, 3, 5, 4]])


def test_a_baseline_that_stays_where_the_episode_began():
    loss = relative_reachability([[0, 1], [1, 2], [2, 2]], 0.5)
    actual = along(loss, VISITED, beside=VISITED[:, :1])
    assert (actual[:, 0] == 0).all()
    assert (np.diff(actual, axis=1) >= 0).all()
    assert actual[0, -1] == loss[2, 0]


def test_power_grows_along_a_walk_to_where_there_is_more_to_choose():
    value = power([[1, 1], [1, 2], [1, 2]], 0.9, samples=500).value
    series = along(value, VISITED)
    assert series.shape == VISITED.shape
    assert (series[:, -1] > series[:, 0]).all()


CUT = "Cut an episode that ended early off where it ended."


@pytest.mark.parametrize(
    ("values", "visited", "beside", "message"),
    [
        (
            [[0.0]],
            [[0]],
            None,
            "along: values must have shape [state] without beside, got (1, 1).",
        ),
        (
            [0.0],
            [[0]],
            [[0]],
            "along: values must have shape [state, other] with beside, got (1,).",
        ),
        (
            [0.0, 1.0],
            [[0, 1], [1, 2]],
            None,
            f"along: visited must be integers in 0..1, got 2 at [1, 1]. {CUT}",
        ),
        ([0.0, 1.0], -1, None, f"along: visited must be integers in 0..1, got -1. {CUT}"),
        ([0.0, 1.0], [[0.0]], None, "along: visited must be integers in 0..1, got float64."),
        (
            [[0.0, 1.0]],
            [[0, 0]],
            [[0, 2]],
            f"along: beside must be integers in 0..1, got 2 at [0, 1]. {CUT}",
        ),
        (
            [[0.0, 1.0]],
            [[0, 0]],
            [[0, 1, 1]],
            "along: beside must have a shape that broadcasts to visited (1, 2), got (1, 3).",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(values, visited, beside, message):
    with pytest.raises(WorldError) as error:
        along(values, visited, beside)
    assert str(error.value) == message
