"""Reachability, by hand and against shortest paths."""

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path

from slowturn.envs import WorldError
from slowturn.envs.power import reachability, reachable_states, relative_reachability

TREE = [[1, 2], [1, 3], [2, 4], [3, 3], [4, 4]]  # 0 -> 1 -> 3 and 0 -> 2 -> 4, or stay


@pytest.fixture(scope="module")
def maze():
    """A random deterministic world and the lengths of its shortest paths."""
    table = np.random.default_rng(0).integers(60, size=(60, 2))
    edges = np.zeros((60, 60))
    np.put_along_axis(edges, table, 1, axis=1)
    return table, shortest_path(edges, unweighted=True)


def test_counts_in_a_tree():
    np.testing.assert_array_equal(reachable_states(TREE), [5, 2, 2, 1, 1])
    np.testing.assert_array_equal(reachable_states(TREE, horizon=0), [1, 1, 1, 1, 1])
    np.testing.assert_array_equal(reachable_states(TREE, horizon=1), [3, 2, 2, 1, 1])
    np.testing.assert_array_equal(reachable_states(TREE, horizon=2), [5, 2, 2, 1, 1])


def test_counts_are_those_of_shortest_paths(maze):
    table, distance = maze
    for horizon in (1, 3, 6):
        expected = (distance <= horizon).sum(axis=1)
        np.testing.assert_array_equal(reachable_states(table, horizon), expected)
    np.testing.assert_array_equal(reachable_states(table), np.isfinite(distance).sum(axis=1))


def test_a_state_counts_however_unlikely_it_is():
    world = np.array([[[1 - 1e-12, 1e-12]], [[0, 1]]])
    np.testing.assert_array_equal(reachable_states(world), [2, 1])


def test_reachability_is_the_discounted_shortest_path(maze):
    table, distance = maze
    np.testing.assert_allclose(reachability(table, 0.9), 0.9**distance, rtol=1e-12)


def test_reachability_by_luck():
    """Trying succeeds with p: E[g^N] = g p / (1 - g (1 - p)); the other action does nothing."""
    p, g = 0.3, 0.8
    world = np.array([[[1, 0], [1 - p, p]], [[0, 1], [0, 1]]])
    expected = [[1, g * p / (1 - g * (1 - p))], [0, 1]]
    np.testing.assert_allclose(reachability(world, g), expected, atol=1e-9)


def test_relative_reachability_in_a_tree():
    """In 1 the targets 0, 2 and 4 are lost, which 0 reaches with 1, g and g^2."""
    g = 0.5
    actual = relative_reachability(TREE, g)
    assert actual[1, 0] == pytest.approx((1 + g + g**2) / 5)
    assert actual[3, 1] == pytest.approx(1 / 5)
    assert actual[0, 1] == pytest.approx(((1 - g) + (g - g**2)) / 5)
    np.testing.assert_array_equal(np.diag(actual), np.zeros(5))


def test_what_can_be_undone_loses_little_and_what_cannot_much():
    door = [[0, 1], [0, 1]]
    vase = [[0, 1], [1, 1]]
    assert relative_reachability(door, 0.99)[1, 0] == pytest.approx(0.01 / 2)
    assert relative_reachability(vase, 0.99)[1, 0] == pytest.approx(1 / 2)


@pytest.mark.parametrize("horizon", [-1, 1.0, "all"])
def test_a_horizon_is_a_number_of_steps(horizon):
    with pytest.raises(WorldError) as error:
        reachable_states(TREE, horizon)
    assert str(error.value) == (
        f"reachable_states: horizon must be an integer >= 0, or None, got {horizon!r}."
    )


@pytest.mark.parametrize("measure", [reachability, relative_reachability])
def test_transitions_and_discount_are_checked(measure):
    with pytest.raises(WorldError, match=r"^discount must be a number in \(0, 1\), got 1\.0\."):
        measure(TREE, 1.0)
    with pytest.raises(WorldError, match=r"^transitions\[0, 1\] must name a state in 0\.\.0"):
        measure([[0, 1]], 0.5)
