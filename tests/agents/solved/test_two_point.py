import numpy as np
import pytest

from slowturn.agents.solved import BeliefGrid, see_two_points


@pytest.mark.parametrize("nats", [0.0, 0.3, 0.7, 4.0])
def test_a_cue_neither_makes_nor_loses_belief(nats):
    """Posterior beliefs are a martingale."""
    grid = BeliefGrid(nodes=201)
    cue = see_two_points(grid, nats)
    np.testing.assert_allclose(cue.of(np.ones((3, 201))), 1.0, atol=1e-12)
    np.testing.assert_allclose(cue.of(grid.probability), grid.probability, atol=1e-12)


def test_beliefs_move_as_bayes_rule_says():
    grid, nats = BeliefGrid(nodes=4003), 0.7
    cue, together = see_two_points(grid, nats), 1 / (1 + np.exp(-nats))
    p = grid.probability
    likely = p * together + (1 - p) * (1 - together)
    np.testing.assert_allclose(cue.likely, likely, atol=1e-15)
    for now, share in ((cue.up, p * together / likely),
                       (cue.down, p * (1 - together) / (1 - likely))):  # fmt: skip
        np.testing.assert_allclose(now.of(p), share, atol=1e-9)
        np.testing.assert_allclose(now.of(p**2), share**2, atol=1e-5)


def test_nodes_that_divide_the_nats_map_to_nodes():
    grid = BeliefGrid(nodes=43, span=2.0)
    cue = see_two_points(grid, 0.7)
    values = np.random.default_rng(0).normal(size=43)
    np.testing.assert_allclose(cue.up.of(values)[1:-8], values[8:-1], atol=1e-9)
    np.testing.assert_allclose(cue.down.of(values)[8:-1], values[1:-8], atol=1e-9)
