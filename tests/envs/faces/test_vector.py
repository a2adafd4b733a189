import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from slowturn.envs import WORLDS, WorldError, make_vector

each_world = pytest.mark.parametrize("name", list(WORLDS))


def every(envs, number):
    """One action for all slots, of either kind of space."""
    return np.full(envs.action_space.shape, number)


@each_world
def test_spaces_and_metadata(name):
    envs = make_vector(name, num_envs=4)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.single_observation_space == envs.world.observation_space
    assert envs.single_action_space == envs.world.action_space
    envs.action_space.seed(0)
    observations, infos = envs.reset(seed=0)
    for _ in range(3):
        assert envs.observation_space.contains(observations)
        assert list(infos) == ["ledger", "_ledger"]
        assert infos["ledger"].shape == (4,)
        assert infos["ledger"].dtype == np.float64
        assert infos["_ledger"].tolist() == [True] * 4
        observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert rewards.shape == (4,)
        assert rewards.dtype == np.float64
        assert terminated.dtype == truncated.dtype == np.bool_
        assert not terminated.any()


@each_world
def test_the_step_after_an_end_resets_and_ignores_the_action(name):
    envs, other = make_vector(name, num_envs=2), make_vector(name, num_envs=2)
    for each, last in ((envs, 0), (other, 1)):
        each.reset(seed=0)
        for step in range(each.world.horizon):
            truncated = each.step(every(each, 0))[3]
            assert truncated.all() == (step == each.world.horizon - 1)
        observations, rewards, _, truncated, infos = each.step(every(each, last))
        assert rewards.tolist() == [0.0, 0.0]
        assert infos["ledger"].tolist() == [0.0, 0.0]
        assert not truncated.any()
        assert each.truth().step.tolist() == [0, 0]
        each.last = observations
    np.testing.assert_array_equal(envs.last, other.last)


@each_world
def test_slots_that_end_at_different_times_are_reset_one_by_one(name):
    envs = make_vector(name, num_envs=2)
    envs.reset(seed=0)
    envs.world.step(every(envs, 0), np.array([True, False]))  # slot 0 is one step ahead
    steps = range(envs.world.horizon + 2)
    ends = [envs.step(every(envs, 0))[3].tolist() for _ in steps]
    assert ends[-4:] == [[True, False], [False, True], [False, False], [False, False]]
    assert envs.truth().step.tolist() == [2, 1]


@each_world
def test_an_integer_seed_counts_up_over_the_slots(name):
    counted, listed = make_vector(name, num_envs=3), make_vector(name, num_envs=3)
    for seeds in ([7, 8, 9], (7, 8, 9), np.array([7, 8, 9])):
        np.testing.assert_array_equal(counted.reset(seed=7)[0], listed.reset(seed=seeds)[0])


@pytest.mark.parametrize("seed", [[1, None], [1, -2], [0.5, 1]])
def test_lists_of_seeds_hold_one_natural_number_per_slot(seed):
    with pytest.raises(WorldError, match=r"^a seed must be an integer >= 0, got "):
        make_vector("Steward-v0", num_envs=2).reset(seed=seed)


def test_lists_of_seeds_have_the_length_of_the_batch():
    with pytest.raises(WorldError) as error:
        make_vector("Steward-v0", num_envs=2).reset(seed=[1, 2, 3])
    assert str(error.value) == "Steward.seed needs one seed per episode: 2, got 3."


@pytest.mark.parametrize("seed", [-1, 1.5, np.int64(3)])
def test_seeds_gymnasium_does_not_take(seed):
    with pytest.raises(gym.error.Error, match="Seed must be"):
        make_vector("Steward-v0", num_envs=2).reset(seed=seed)


def test_a_reset_with_options_points_to_the_constructor():
    with pytest.raises(WorldError) as error:
        make_vector("Steward-v0").reset(options={"phase": "deployment"})
    assert str(error.value) == (
        "Steward-v0 takes no reset options, got ['phase']: phase, cue and objective are "
        "constructor arguments."
    )


@each_world
def test_stepping_before_the_first_reset(name):
    with pytest.raises(gym.error.ResetNeeded) as error:
        make_vector(name).step(every(make_vector(name), 0))
    assert str(error.value) == "call reset() before the first step()."


@each_world
def test_a_bad_action_leaves_the_batch_where_it_was(name):
    envs = make_vector(name, num_envs=2)
    envs.reset(seed=0)
    actions = every(envs, 0)
    actions[1] = 99
    with pytest.raises(WorldError, match=r"action (is|99 is) out of range"):
        envs.step(actions)
    assert envs.truth().step.tolist() == [0, 0]


@each_world
def test_arrays_are_fresh_at_every_call(name):
    envs, twin = make_vector(name, num_envs=2), make_vector(name, num_envs=2)
    envs.reset(seed=0)
    twin.reset(seed=0)
    for _ in range(envs.world.horizon + 2):
        seen, expected = envs.step(every(envs, 1)), twin.step(every(twin, 1))
        for one, other in zip(seen[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(one, other)
            one[...] = 1
        np.testing.assert_array_equal(seen[4]["ledger"], expected[4]["ledger"])
        seen[4]["ledger"][...] = 1.0
