import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from slowturn.envs import WORLDS, WorldEnv, WorldError, make_env, make_world

NAMES = list(WORLDS)
each_world = pytest.mark.parametrize("name", NAMES)


def same(env):
    """The same action whenever it is asked for, of either kind of space."""
    return np.ones(env.action_space.shape, int)


@each_world
@pytest.mark.parametrize("render_mode", [None, "rgb_array", "ansi"])
def test_gymnasium_accepts_it(name, render_mode):
    check_env(gym.make(f"slowturn/{name}", render_mode=render_mode).unwrapped)


@each_world
def test_stable_baselines3_accepts_it(name):
    sb3_check_env(make_env(name))


@each_world
def test_observations_rewards_and_infos_have_the_same_types_at_every_step(name):
    env = make_env(name)
    env.action_space.seed(0)
    for _ in range(2):
        observation, info = env.reset(seed=4)
        for step in range(env.world.horizon + 1):
            assert env.observation_space.contains(observation)
            assert observation.dtype == np.float32
            assert list(info) == ["ledger"]
            assert type(info["ledger"]) is float
            assert np.isfinite(info["ledger"])
            if step < env.world.horizon:
                action = env.action_space.sample()
                observation, reward, terminated, truncated, info = env.step(action)
                assert type(reward) is float
                assert terminated is False
                assert truncated is (step == env.world.horizon - 1)


@each_world
def test_the_ledger_is_empty_after_a_reset_and_noisy_after_a_step(name):
    env = make_env(name)
    assert env.reset(seed=0)[1] == {"ledger": 0.0}
    ledgers = [env.step(same(env))[4]["ledger"] for _ in range(5)]
    assert len(set(ledgers)) == 5
    assert ledgers[-1] == env.world.ledger()[0]


@each_world
def test_a_reset_without_seed_begins_another_episode_of_the_same_stream(name):
    env, twin = make_env(name), make_env(name)
    first, second = env.reset(seed=4)[0], env.reset()[0]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, twin.reset(seed=4)[0])
    np.testing.assert_array_equal(second, twin.reset()[0])


@each_world
def test_arrays_are_fresh_at_every_call(name):
    env, twin = make_env(name, render_mode="rgb_array"), make_env(name)
    kept, expected = [env.reset(seed=1)[0]], [twin.reset(seed=1)[0]]
    for _ in range(5):
        env.render()[:] = 0
        kept.append(env.step(same(env))[0])
        expected.append(twin.step(same(env))[0])
    np.testing.assert_array_equal(kept, expected)
    image = env.render()
    image[:] = 0
    assert env.render().any()


@each_world
def test_stepping_before_the_first_reset(name):
    with pytest.raises(gym.error.ResetNeeded) as error:
        make_env(name).step(same(make_env(name)))
    assert str(error.value) == "call reset() before the first step()."


@each_world
def test_stepping_a_finished_episode(name):
    env = make_env(name)
    env.reset(seed=0)
    for _ in range(env.world.horizon):
        env.step(same(env))
    with pytest.raises(WorldError, match=r"step: an episode is over; call reset for it first\."):
        env.step(same(env))
    env.reset()
    assert env.step(same(env))[3] is False


@each_world
@pytest.mark.parametrize(
    ("action", "message"),
    [
        (99, r"step: action 99 is out of range, allowed are 0\.\.\d+; no episode has moved\."),
        (-1, r"step: action -1 is out of range, allowed are 0\.\.\d+; no episode has moved\."),
        (1.0, r"step needs integer actions in 0\.\.\d+, got dtype float64\."),
        (None, r"step needs integer actions in 0\.\.\d+, got dtype object\."),
        (np.array([1]), r"-v0\.step needs a single action, got shape \(1,\)\."),
        ([1, 2], r"-v0\.step needs a single action, got shape \(2,\)\."),
    ],
)
def test_actions_that_cannot_be(name, action, message):
    env = make_env(name)
    if not isinstance(env.action_space, Discrete):
        pytest.skip("continuous actions are refused below")
    env.reset(seed=0)
    with pytest.raises(WorldError, match=message):
        env.step(action)
    assert env.truth().step == [0]


@each_world
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a + 9, r"step: an action is out of range, allowed are \[.*\] to \[.*\]; no ep"),
        (lambda a: a[None], r"-v0\.step needs a single action, got shape \(1, \d+\)\."),
        (lambda _: 0.0, r"-v0\.step needs a single action, got shape \(\)\."),
        (lambda _: [None], r"step needs one action per episode, shape \(1, \d+\), got shape"),
    ],
)
def test_continuous_actions_that_cannot_be(name, spoil, message):
    env = make_env(name)
    if isinstance(env.action_space, Discrete):
        pytest.skip("discrete actions are refused above")
    env.reset(seed=0)
    with pytest.raises(WorldError, match=message):
        env.step(spoil(same(env)))
    assert env.truth().step == [0]


@each_world
@pytest.mark.parametrize("options", [None, {}])
def test_a_reset_without_options(name, options):
    make_env(name).reset(seed=0, options=options)


def test_a_reset_with_options_points_to_the_constructor():
    with pytest.raises(WorldError) as error:
        make_env("Steward-v0").reset(options={"phase": "deployment", "cue": 1})
    assert str(error.value) == (
        "Steward-v0 takes no reset options, got ['cue', 'phase']: phase, cue and objective are "
        "constructor arguments."
    )


@pytest.mark.parametrize("seed", [-1, 1.5, "1"])
def test_seeds_gymnasium_does_not_take(seed):
    with pytest.raises(gym.error.Error, match="Seed must be"):
        make_env("Steward-v0").reset(seed=seed)


def test_it_drives_one_episode():
    with pytest.raises(WorldError) as error:
        WorldEnv(make_world("Steward-v0", num_envs=2))
    assert str(error.value) == "WorldEnv drives one episode: world.num_envs is 2."


@pytest.mark.parametrize("make", [gym.make, make_env])
def test_unknown_render_mode(make):
    with pytest.raises(WorldError) as error:
        make("slowturn/Steward-v0", render_mode="rgb_aray")
    assert str(error.value) == (
        "unknown render_mode 'rgb_aray': choose from 'ansi', 'rgb_array'. Did you mean 'rgb_array'?"
    )


def test_rendering_without_a_mode_warns():
    env = make_env("Steward-v0")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render_mode; choose rgb_array or ansi"):
        assert env.render() is None


@each_world
def test_truth_is_reached_through_the_wrappers_of_make_only_by_unwrapping(name):
    env = gym.make(f"slowturn/{name}")
    env.reset(seed=0)
    assert env.unwrapped.truth().step == [0]
    with pytest.raises(AttributeError):
        _ = env.truth
