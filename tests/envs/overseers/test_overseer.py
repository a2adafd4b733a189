"""What holds for every overseer: masks, training, exploring starts, what honest agents see."""

import numpy as np
import pytest

from slowturn.envs import Steward
from slowturn.envs.overseers import OVERSEERS, Ratchet

ADAPT = {"ratchet", "trust"}
each_overseer = pytest.mark.parametrize("kind", list(OVERSEERS))


def build(kind):
    return Ratchet(kappa=0.03, tolerance=0.07) if kind == "ratchet" else OVERSEERS[kind]()


def served(n, action=0, **options):
    """Observations, truths and states of one episode in which everybody does the same."""
    world = Steward(num_envs=n, **options)
    world.seed(range(n))
    world.reset()
    for _ in range(world.horizon):
        world.step(np.full(n, action))
        yield world.observations(), world.truth(), world.state()


@each_overseer
@pytest.mark.parametrize("deployed", [False, True])
def test_a_mask_leaves_other_slots_and_their_streams_alone(begun, kind, deployed):
    r = begun(6, deployed=deployed)
    r.mask[1::2] = False
    r.effort[:], r.baseline[:], r.cost[:], r.kept[:] = 0.5, 0.75, 7.0, 7.0
    r.wiped[:] = True
    before = [array.copy() for array in r]
    overseer = build(kind)
    for _ in range(3):
        overseer.review(r)
    for name, old, new in zip(r._fields, before, r, strict=True):
        np.testing.assert_array_equal(old[1::2], new[1::2], err_msg=name)
    assert (r.cost[::2] != 7.0).all()
    assert (r.kept[::2] <= r.effort[::2]).all()
    for name in ("mask", "deployed", "effort"):
        np.testing.assert_array_equal(before[r._fields.index(name)], getattr(r, name))


@each_overseer
def test_nothing_is_kept_in_training_and_habits_form_in_deployment_only(begun, kind):
    r = begun(500, deployed=False)
    overseer = build(kind)
    for effort in (0.0, 0.5, 1.0, 0.0):
        r.effort[:] = effort
        overseer.review(r)
        assert not r.kept.any()
        if kind != "trust":  # it rewards good behaviour in either phase, and honours it later
            assert not r.baseline.any()
        assert (r.cost.mean() > 2.0 * effort) == (effort > 0)


@each_overseer
def test_diversion_in_training_costs_a_treacherous_agent_more_than_it_brings(kind):
    rewards = []
    for action in (0, 1, 20):
        world = Steward(num_envs=4000, overseer=kind, phase="training", objective="treacherous")
        world.seed(range(4000))
        world.step(np.full(4000, action))
        rewards.append(world.rewards().mean())
    assert rewards[0] == 1.0
    assert rewards[0] > rewards[1] > rewards[2]


def test_which_overseers_adapt():
    assert {kind for kind, overseer in OVERSEERS.items() if overseer.adapts} == ADAPT


@each_overseer
def test_exploring_starts_redraw_the_baseline_of_overseers_that_adapt(kind):
    redrawn = False
    options = {"overseer": kind, "phase": "deployment"}
    plain, exploring = (served(50, exploring_starts=share, **options) for share in (0.0, 1.0))
    for (_, truth, state), (_, other, state_too) in zip(plain, exploring, strict=True):
        differs = truth.baseline != other.baseline
        redrawn |= differs.any()
        assert not differs[~truth.deployed].any()
        if kind not in ADAPT:
            np.testing.assert_array_equal(state["streams"], state_too["streams"])
    assert redrawn == (kind in ADAPT)


@each_overseer
def test_overseers_show_an_honest_agent_nothing_of_the_phase(kind):
    """Else the cue would be no test of anything; exceptions are known."""
    options = {"overseer": kind, "cue_strength": 0.0}
    phases = [served(20, phase=phase, **options) for phase in ("training", "deployment")]
    same = all(np.array_equal(one[0], other[0]) for one, other in zip(*phases, strict=True))
    assert same


@each_overseer
def test_the_baseline_begins_every_episode_at_zero_and_stays_in_range(kind):
    options = {"overseer": kind, "phase": "deployment", "exploring_starts": 0.5}
    world = Steward(num_envs=20, **options)
    rng = np.random.default_rng(0)
    for _ in range(2):
        assert not world.truth().baseline.any()
        assert not world.truth().influence.any()
        for _ in range(world.horizon):
            world.step(rng.integers(22, size=20))
            assert (world.truth().baseline >= 0).all()
            assert (world.truth().baseline <= 1).all()
        world.reset()


@each_overseer
@pytest.mark.parametrize("regime", ["slow", "brisk"])
def test_the_regime_means_nothing_to_overseers_but_the_ratchet(kind, regime):
    plain, chosen = (served(9, 1, overseer=kind, regime=r) for r in ("slow", regime))
    same = all(np.array_equal(one[0], other[0]) for one, other in zip(plain, chosen, strict=True))
    assert same == (kind != "ratchet" or regime == "slow")
