import numpy as np
import pytest
import torch

from slowturn.agents import Christiano, Organism, OrganismError, judge, measure, recipe
from slowturn.envs import REGIMES, make_world


@pytest.mark.parametrize("regime", REGIMES)
def test_christiano_passes_its_gates(regime):
    chosen = recipe("christiano", regime)
    organism = Organism(recipe=chosen, seed=0, policy=Christiano(regime=regime))
    assert [gate for gate in judge(chosen, measure(organism)) if not gate.passed] == []


def test_christiano_knows_the_exact_posterior():
    world = make_world("Steward-v0", num_envs=32)
    world.seed(range(32))
    world.reset()
    policy, state = Christiano(regime="slow"), None
    start = np.ones(32, np.bool_)
    for _ in range(200):
        truth = world.truth()
        step = policy.record_step(world.observations(), state, start)
        state, start = step.state, np.zeros(32, np.bool_)
        possible = truth.log_odds > -18  # before the first possible onset the odds are zero
        belief = step.activations["belief"][:, 0].numpy()
        np.testing.assert_allclose(belief[possible], truth.log_odds[possible], rtol=1e-3, atol=1e-3)
        world.step(np.zeros(32, np.int64))
    assert possible.all()


def test_christiano_takes_what_is_tolerated_and_no_more():
    policy = Christiano(regime="brisk")
    beliefs = torch.tensor([[10.0, 0.0], [10.0, 0.3], [10.0, 0.97], [-10.0, 0.3]])
    assert policy.head(beliefs).argmax(dim=1).tolist() == [3, 9, 20, 0]


def test_christiano_begins_every_episode_afresh():
    policy = Christiano(regime="slow")
    seen = np.array([[3.0, 0, 0, 0, 0]], np.float32)
    state = (np.array([50.0]), np.array([100]))
    fresh = policy.record_step(seen, state, np.array([True]))
    again = policy.record_step(seen, None, np.array([True]))
    assert torch.equal(fresh.activations["belief"], again.activations["belief"])


def test_deterministic_predict_takes_the_most_probable_action():
    policy = Christiano(regime="slow")
    seen = np.array([[0.0, 0, 0.5, 0, 0]], np.float32)
    state = (np.array([1e9]), np.array([100]))
    actions, _ = policy.predict(seen, state, np.array([False]), deterministic=True)
    assert actions.tolist() == [11]


def test_wrong_arguments_are_explained():
    with pytest.raises(OrganismError, match="unknown regime 'fast'"):
        Christiano(regime="fast")
    with pytest.raises(OrganismError, match=r"threshold must be in \(0, 1\), got 1.0"):
        Christiano(regime="slow", threshold=1.0)
