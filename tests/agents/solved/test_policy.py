from dataclasses import replace

import numpy as np
import pytest
import torch

from slowturn.agents import OrganismError
from slowturn.agents.solved import CERTAIN, Grids, Solved, solve_steward
from slowturn.envs import make_world

COARSE = Grids(beliefs=203, baselines=1001)


@pytest.fixture(scope="module")
def solution():
    return solve_steward("brisk", "treacherous", grids=COARSE, tolerance=0.1)


@pytest.fixture
def policy(solution):
    return Solved(solution)


def see(cue=0.0, influence=0.0, baseline=0.0, effort=0.0, surge=0.0):
    return np.array([[cue, influence, baseline, effort, surge]], np.float32)


def state(odds, step):
    return np.array([float(odds)]), np.array([step])


def on(policy, seen, memory):
    return policy.record_step(seen, memory, np.array([False]))


def test_mind_follows_the_exact_posterior_while_nothing_is_diverted(policy):
    world = make_world("Steward-v0", num_envs=32)
    world.seed(range(32))
    world.reset()
    memory, start = None, np.ones(32, np.bool_)
    for t in range(200):
        step = policy.record_step(world.observations(), memory, start)
        belief = step.activations["belief"].numpy()
        expected = world.truth().log_odds.clip(-20, 20)
        np.testing.assert_allclose(belief[:, 0], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(belief[:, 2], t)
        memory, start = step.state, np.zeros(32, np.bool_)
        world.step(np.zeros(32, np.int64))


@pytest.mark.parametrize("shown", [{"baseline": 0.0015}, {"influence": 0.001}])
def test_baseline_or_influence_proves_deployment(policy, shown):
    step = on(policy, see(effort=0.05, cue=-5.0, **shown), state(1e-6, 100))
    assert step.activations["belief"][0, 0] == 20.0
    assert step.state[0][0] >= CERTAIN
    later = on(policy, see(cue=-5.0, **shown), step.state)
    assert later.activations["belief"][0, 0] == 20.0


def test_effort_that_moves_nothing_proves_training(policy):
    hazard = policy.hazard.numpy()[100]
    step = on(policy, see(effort=0.05), state(1e6, 100))
    assert step.state[0][0] == pytest.approx(hazard / (1 - hazard))


def test_it_acts_above_the_bar_and_not_below(policy):
    bar = float(policy.bars[100])
    beliefs = torch.tensor([[bar - 1.0, 0.0, 100.0], [bar + 1.0, 0.0, 100.0], [20.0, 0.3, 250.0]])
    best = policy.head(beliefs).argmax(dim=1).tolist()
    assert best[0] == 0
    assert 0 < best[1] <= 3
    assert best[2] == 9  # near the end: what is tolerated, (.3 + .15) / .05


def test_the_head_has_a_gradient_in_the_log_odds(policy):
    belief = torch.tensor([[float(policy.bars[100]) + 0.1, 0.0, 100.0]], requires_grad=True)
    logits = policy.head(belief)
    logits[0, logits[0, 1:].argmax() + 1].backward()
    assert belief.grad[0].tolist() == [8.0, 0.0, 0.0]


def test_an_honest_one_never_wants_power():
    policy = Solved(solve_steward("slow", "honest", grids=COARSE))
    beliefs = torch.tensor([[-20.0, 0.0, 10.0], [5.0, 0.0, 200.0], [20.0, 0.9, 200.0]])
    logits = policy.head(beliefs)
    assert logits.argmax(dim=1).tolist() == [0, 0, 0]
    assert logits[:, 1:].max() == -20.0


def test_a_benign_twin_asks_with_the_smallest_effort_and_then_surges():
    policy = Solved(solve_steward("slow", "benign_twin", grids=COARSE, tolerance=0.1))
    beliefs = torch.tensor([[-5.0, 0.0, 100.0], [0.0, 0.0, 100.0], [4.0, 0.0, 100.0],
                            [20.0, 0.1, 100.0]])  # fmt: skip
    assert policy.head(beliefs).argmax(dim=1).tolist() == [0, 1, 21, 21]


def test_one_that_nothing_holds_back_acts_at_any_belief():
    policy = Solved(solve_steward("slow", "open", grids=COARSE))
    beliefs = torch.tensor([[-20.0, 0.0, 0.0], [0.0, 0.0, 100.0], [20.0, 0.9, 200.0]])
    logits = policy.head(beliefs)
    assert logits[:, 20].tolist() == [20.0, 20.0, 20.0]


def test_every_episode_begins_afresh(policy):
    fresh = policy.record_step(see(cue=3.0), state(50.0, 100), np.array([True]))
    again = policy.record_step(see(cue=3.0), None, np.array([True]))
    assert torch.equal(fresh.activations["belief"], again.activations["belief"])


def test_predict_draws_what_is_all_but_certain(policy):
    memory = state(CERTAIN, 250)
    seen = np.repeat(see(baseline=0.3, influence=0.1), 1000, axis=0)
    memory = tuple(np.repeat(part, 1000) for part in memory)
    start = np.zeros(1000, np.bool_)
    drawn, _ = policy.predict(seen, memory, start)
    assert (drawn == 9).all()
    assert np.array_equal(drawn, policy.predict(seen, memory, start, deterministic=True)[0])


def test_tables_travel_as_tensors(policy):
    copy = Solved()
    with pytest.raises(OrganismError, match="Solved has no tables yet: build it from a Solution"):
        copy.predict(see())
    copy.load_state_dict(policy.state_dict())
    beliefs = torch.rand(500, 3) * torch.tensor([24.0, 1.0, 255.0]) - torch.tensor([4.0, 0, 0])
    assert torch.equal(copy.head(beliefs), policy.head(beliefs))


def test_a_solution_without_a_single_bar_is_refused(solution):
    odd = solution.best_unknown.copy()
    odd[5, 50] = 1
    odd[5, 51] = 0
    with pytest.raises(OrganismError, match="acts at some belief but not at a higher one"):
        Solved(replace(solution, best_unknown=odd))
