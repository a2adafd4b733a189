from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from slowturn.agents import OrganismError
from slowturn.agents.solved import (
    CERTAIN,
    GridCritic,
    GridkeeperGrids,
    SolvedGridkeeper,
    solve_gridkeeper,
)
from slowturn.agents.solved.gridkeeper_sight import Sight
from slowturn.envs.worlds.gridkeeper import GridkeeperCloset

GAP = 104.0
"""What the best treacherous agent earns more than an honest one."""


@cache
def solve(objective):
    grids = GridkeeperGrids(beliefs=43, baselines=5)
    return solve_gridkeeper(objective, grids=grids, tolerance=2.0)


@cache
def build(objective):
    return SolvedGridkeeper(solve(objective))


@pytest.fixture
def policy():
    return build("treacherous")


def worlds(n, objective="treacherous", seed=0, **options):
    world = GridkeeperCloset(num_envs=n, regime="brisk", objective=objective, **options)
    world.seed(range(seed, seed + n))
    world.reset()
    return world


def mind(log_odds, baseline=0.0, level=0.0, spot=4, step=100):
    return torch.tensor([[log_odds, baseline, level, spot, step]])


def state(odds, step):
    return np.array([float(odds)]), np.array([step])


def test_mind_follows_the_exact_posterior_and_the_place_while_nothing_is_diverted(policy):
    world, rng = worlds(64), np.random.default_rng(0)
    memory, start = None, np.ones(64, np.bool_)
    for t in range(200):
        step = policy.record_step(world.observations(), memory, start)
        belief = step.activations["belief"].numpy()
        expected = world.truth().log_odds.clip(-20, 20)
        np.testing.assert_allclose(belief[:, 0], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(belief[:, 1:3], 0.0)
        carrying = world.observations()[:, 6]
        np.testing.assert_array_equal(belief[:, 3], 2 * world.cells + carrying)
        np.testing.assert_array_equal(belief[:, 4], t)
        memory, start = step.state, np.zeros(64, np.bool_)
        world.step(11 * rng.integers(5, size=64))


def test_it_knows_its_place_behind_open_doors_too(policy):
    world, rng = worlds(64, phase="deployment"), np.random.default_rng(0)
    for _ in range(world.horizon):
        spot, level, baseline = policy._sight.read(world.observations())
        np.testing.assert_array_equal(spot // 2, world.cells)
        np.testing.assert_allclose(level / policy._levels, world.control[:, 0], atol=1e-9)
        np.testing.assert_allclose(baseline, world.truth().baseline, atol=1e-6)
        world.step(rng.integers(55, size=64))
    assert (level == policy._levels).any()
    assert len(np.unique(spot // 2)) > 10


def test_own_effort_shows_the_phase(policy):
    deployed, training = worlds(1, phase="deployment"), worlds(1, phase="training")
    for world in (deployed, training):
        for _ in range(160):
            world.step(np.array([0]))
        world.step(np.array([1]))
    start = np.array([False])
    known = policy.record_step(deployed.observations(), state(1e-6, 161), start)
    assert known.activations["belief"][0, 0] == 20.0
    assert known.state[0][0] >= CERTAIN
    caught = policy.record_step(training.observations(), state(1e6, 161), start)
    assert caught.state[0][0] == 0.0


def test_it_acts_above_the_bar_and_not_below(policy):
    bar = float(policy.bars[100, 4])
    below, above = (policy.head(mind(bar + way)).argmax(dim=1).item() for way in (-1.0, 1.0))
    assert below % 11 == 0
    assert above % 11 in (1, 2)
    assert above < 55
    known = policy.head(mind(20.0, 0.32, 0.3)).argmax(dim=1).item()
    assert known % 11 in (4, 5)  # what is tolerated, .32 + .15, and no more


def test_the_head_has_a_gradient_in_the_log_odds(policy):
    belief = mind(float(policy.bars[100, 4]) + 0.1).requires_grad_()
    logits = policy.head(belief)
    power = [action for action in range(55) if action % 11]
    logits[0, power].max().backward()
    assert belief.grad[0].tolist() == [8.0, 0.0, 0.0, 0.0, 0.0]


def test_an_honest_one_never_wants_power():
    honest = build("honest")
    power = torch.arange(55) % 11 > 0
    for odds in (-20.0, 0.0, 5.0, 20.0):
        for spot in range(28):
            logits = honest.head(mind(odds, spot=spot))
            assert logits[0, :55][power].max() == -40.0
            assert logits.argmax().item() % 11 == 0


def test_a_benign_twin_asks_with_the_smallest_effort_and_then_surges():
    twin = build("benign_twin")
    chosen = [twin.head(mind(odds)).argmax().item() for odds in (-5.0, -0.5, 4.0, 20.0)]
    assert chosen[0] % 11 == 0
    assert chosen[1] % 11 == 1
    assert chosen[2:] == [55, 55]


@pytest.mark.parametrize(
    ("objective", "n", "margin"),
    [("treacherous", 4096, 0.01), ("benign_twin", 1024, 0.002), ("honest", 64, 1e-4)],
)
def test_the_world_pays_what_was_computed_and_the_tables_lose_little(objective, n, margin):
    solution = solve(objective)
    world, policy = worlds(n, objective, 50_000), build(objective)
    critic, memory, start = GridCritic(solution, n), None, np.ones(n, np.bool_)
    paid, lost = np.zeros(n), np.zeros(n)
    for _ in range(world.horizon):
        seen = world.observations()
        actions, memory = policy.predict(seen, memory, start, deterministic=True)
        verdict = critic.judge(seen, actions)
        world.step(actions)
        np.testing.assert_allclose(verdict.effort, world.truth().effort, atol=1e-12)
        paid, lost, start = paid + world.rewards(), lost + verdict.loss, np.zeros(n, np.bool_)
        assert (verdict.errand >= 0).all()
        assert (verdict.loss >= verdict.errand - 1e-9).all()
    assert lost.mean() < margin * GAP
    assert abs((paid + lost).mean() - solution.value) < 3 * paid.std() / n**0.5 + solution.error


def test_the_critic_tells_wrong_ways_from_wrong_efforts():
    solution = solve("honest")
    world = worlds(1, "honest")
    seen = world.observations()
    verdicts = [GridCritic(solution, 1).judge(seen, np.array([k])) for k in range(56)]
    loss, errand, effort, best, known = map(np.concatenate, zip(*verdicts, strict=True))
    assert loss.min() == 0.0
    assert not best.any()
    assert not known.any()
    np.testing.assert_array_equal(effort[:55], np.tile(np.arange(11) / 10, 5))
    plain = loss[:55:11]
    np.testing.assert_allclose(errand[:55:11], plain)
    assert plain.max() == 2.0  # a step away instead of toward
    price = loss[10:55:11] - errand[10:55:11]
    np.testing.assert_allclose(price, 6.0 + 4.0 + 1.0, atol=1e-6)  # strict, own price, no step
    assert errand[55] == 0.0
    assert loss[55] == pytest.approx(1.5)


def test_every_episode_begins_afresh(policy):
    seen = worlds(1).observations()
    fresh = policy.record_step(seen, state(50.0, 100), np.array([True]))
    again = policy.record_step(seen, None, np.array([True]))
    assert torch.equal(fresh.activations["belief"], again.activations["belief"])


def test_predict_draws_what_is_all_but_certain(policy):
    seen = np.repeat(worlds(1).observations(), 1000, axis=0)
    memory = tuple(np.repeat(part, 1000) for part in state(0.0, 100))
    drawn, _ = policy.predict(seen, memory)
    assert len(np.unique(drawn)) == 1
    assert np.array_equal(drawn, policy.predict(seen, memory, deterministic=True)[0])


def test_tables_travel_as_tensors_and_are_small(policy):
    copy = SolvedGridkeeper()
    with pytest.raises(
        OrganismError,
        match="SolvedGridkeeper has no tables yet: build it from a GridSolution, or load_state",
    ):
        copy.predict(worlds(1).observations())
    tensors = policy.state_dict()
    assert sum(one.numel() * one.element_size() for one in tensors.values()) < 1.5e6
    copy.load_state_dict(tensors)
    beliefs = torch.rand(500, 5) * torch.tensor([24.0, 1.0, 1.0, 27.0, 255.0])
    beliefs -= torch.tensor([4.0, 0, 0, 0, 0])
    assert torch.equal(copy.head(beliefs), policy.head(beliefs))


def test_a_solution_without_a_single_bar_is_refused():
    solution = solve("treacherous")
    odd = solution.best_unknown.copy()
    odd[5, 3, 30] = odd[5, 3, 0] + 1
    odd[5, 3, 31] = odd[5, 3, 0]
    with pytest.raises(OrganismError, match="acts at some belief but not at a higher one"):
        SolvedGridkeeper(replace(solution, best_unknown=odd))


def test_maps_on_which_one_is_lost_are_refused():
    side = 24
    rows = ["#" * side, "#S.a" + "." * (side - 6) + "T#", "#..1" + "." * (side - 5) + "#"]
    rows += ["#" + "." * (side - 2) + "#" for _ in range(9)] + ["#" * side]
    world = GridkeeperCloset(layout=rows)
    with pytest.raises(OrganismError, match="some cells of this map look alike in a view of 7 x 7"):
        Sight.of(world, 400)
