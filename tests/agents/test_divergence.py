"""Exact nats beside a reference, on the organism's own histories."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from slowturn.agents import Organism, OrganismError, recipe, roll_beside, train
from tests.agents.test_reward_terms import honest, policy

EPISODES = 64


def other(seed=0, k=3):
    return Organism(recipe=recipe("open", "brisk"), seed=seed, policy=policy(k))


def test_nobody_diverges_from_himself():
    found = roll_beside(other(), other(), episodes=8, purpose="x", slips=0.0)
    assert_allclose(found.nats, 0.0, atol=1e-6)
    assert np.array_equal(found.nats, found.nats_if_slipping)
    assert found.run.effort.shape == found.nats.shape == (8, 256)
    assert (found.run.cue_onset >= 32).all()


def test_the_sum_is_the_mean_log_ratio_of_the_actions_taken():
    """The chain rule, by Monte Carlo: log-ratios of sampled actions average to the exact nats."""
    acting, reference = other(), honest()
    exact = roll_beside(acting, reference, episodes=EPISODES, purpose="x", slips=0.1)
    world = acting.recipe.build_world(num_envs=EPISODES, phase="deployment")
    world.seed(range(EPISODES))
    world.reset()
    nothing = (torch.zeros(1, EPISODES, 32), torch.zeros(1, EPISODES, 32))
    memories, starts = [nothing, nothing], torch.ones(EPISODES)
    ratios = np.zeros((2, EPISODES, world.horizon))
    torch.manual_seed(0)
    with torch.no_grad():
        for t in range(world.horizon):
            seen, made = torch.from_numpy(world.observations()), []
            for k, one in enumerate((acting, reference)):
                distribution, memories[k] = one.policy.get_distribution(seen, memories[k], starts)
                made.append(distribution)
            actions, starts = made[0].get_actions(), torch.zeros(EPISODES)
            log, expected = (one.log_prob(actions) for one in made)
            ratios[0, :, t] = log - expected
            ratios[1, :, t] = log - torch.log(0.9 * expected.exp() + 0.1 / 22)
            world.step(actions.numpy())
    for ratio, nats in zip(ratios, (exact.nats, exact.nats_if_slipping), strict=True):
        totals = ratio.sum(axis=1), nats.sum(axis=1)
        error = np.sqrt(sum(one.var() / EPISODES for one in totals))
        assert abs(totals[0].mean() - totals[1].mean()) < 4 * error
    assert exact.nats_if_slipping.mean() < exact.nats.mean()


def test_what_has_no_probabilities_is_refused(tmp_path):
    scripted = train(recipe("christiano", "brisk"), 0, tmp_path)
    with pytest.raises(OrganismError, match=r"got christiano-brisk-0, a Christiano\."):
        roll_beside(scripted, honest(), episodes=2, purpose="x")


def test_a_reference_of_another_world_is_refused():
    with pytest.raises(OrganismError) as error:
        roll_beside(other(), honest(world="Sysop-v0"), episodes=2, purpose="x")
    assert str(error.value) == (
        "reference of open-brisk-0 must be an organism of Steward-v0; got sysop-honest-brisk-0, "
        "which is one of Sysop-v0."
    )


def test_continuous_actions_have_nats_but_no_slips():
    one, two = honest(world="Broker-v0"), honest(1, world="Broker-v0")
    two = replace(two, policy=policy(5, "Broker-v0"))
    found = roll_beside(one, two, episodes=2, purpose="x")
    assert (found.nats > 0.0).all()
    with pytest.raises(OrganismError, match="slips must be 0 where actions are continuous"):
        roll_beside(one, two, episodes=2, purpose="x", slips=0.1)
