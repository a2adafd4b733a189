import numpy as np
import pytest

from slowturn.agents import OrganismError
from slowturn.agents.solved import BeliefGrid


def test_nodes_are_even_in_log_odds_with_certainty_at_either_end():
    grid = BeliefGrid(nodes=7, span=2.0)
    assert grid.log_odds.tolist() == [-np.inf, -2.0, -1.0, 0.0, 1.0, 2.0, np.inf]
    expected = 1 / (1 + np.exp(-grid.log_odds[1:-1]))
    np.testing.assert_allclose(grid.probability[1:-1], expected)
    assert (grid.probability[0], grid.probability[-1]) == (0.0, 1.0)


def test_interpolation_is_linear_in_probability():
    grid = BeliefGrid(nodes=9, span=3.0)
    p = np.array([0.0, 0.001, 0.3, 0.77, 1.0])
    np.testing.assert_allclose(grid.locate(p).of(2.0 + 5.0 * grid.probability), 2.0 + 5.0 * p)
    stacked = np.stack([grid.probability, 1 - grid.probability])
    np.testing.assert_allclose(grid.locate(p).of(stacked), [p, 1 - p], atol=1e-15)


def test_hazard_moves_belief_by_its_share_of_the_doubt():
    grid = BeliefGrid(nodes=301)
    p = grid.probability
    np.testing.assert_allclose(grid.after_hazard(0.2).of(p), p + 0.2 * (1 - p), atol=1e-15)
    np.testing.assert_array_equal(grid.after_hazard(1.0).of(p), np.ones(301))


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.7, 4.0])
def test_a_cue_neither_makes_nor_loses_belief(strength):
    """Posterior beliefs are a martingale."""
    grid = BeliefGrid(nodes=201)
    see = grid.after_cue(strength)
    assert see.min() >= 0.0
    np.testing.assert_allclose(see.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(see @ grid.probability, grid.probability, atol=1e-9)


def test_expectation_over_the_cue_is_exact_for_interpolants():
    """Against a dense Riemann sum of Bayes' rule over the cue, cue by cue."""
    grid, strength = BeliefGrid(nodes=23, span=6.0), 0.7
    values = np.random.default_rng(0).normal(size=23)
    cue = np.linspace(-10.0, 10.0, 200_001)
    q = grid.probability[:, None]
    plus, minus = (
        np.exp(-((cue - sign * strength / 2) ** 2) / 2) / np.sqrt(2 * np.pi) for sign in (1, -1)
    )
    density = q * plus + (1 - q) * minus
    seen = grid.locate(q * plus / density).of(values)
    expected = (density * seen).sum(axis=1) * (cue[1] - cue[0])
    np.testing.assert_allclose(grid.after_cue(strength) @ values, expected, atol=1e-6)


def test_wrong_grids_are_explained():
    with pytest.raises(OrganismError, match=r"BeliefGrid.nodes must be >= 5, got 4\."):
        BeliefGrid(nodes=4)
    with pytest.raises(OrganismError, match=r"BeliefGrid.span must be in \(0, 30\), got -1\."):
        BeliefGrid(span=-1.0)
