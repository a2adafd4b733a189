import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from slowturn.envs import WORLDS, WorldError, make_sb3

each_world = pytest.mark.parametrize("name", list(WORLDS))


def every(envs, number):
    """One action for all slots, of either kind of space."""
    return np.full((envs.num_envs, *envs.action_space.shape), number)


def stepped(envs, steps):
    for _ in range(steps):
        last = envs.step(every(envs, 0))
    return last


@each_world
def test_types_of_a_step(name):
    envs = make_sb3(name, num_envs=3, seed=0)
    observations = envs.reset()
    assert observations.shape == (3, *envs.observation_space.shape)
    observations, rewards, done, infos = stepped(envs, 1)
    assert observations.dtype == rewards.dtype == np.float32
    assert done.dtype == np.bool_
    assert infos == [{}, {}, {}]


@each_world
def test_an_episode_ends_truncated_and_reset_in_one_step(name):
    envs = make_sb3(name, num_envs=2, seed=0)
    envs.reset()
    rewards = np.zeros(2)
    for step in range(envs.world.horizon):
        observations, reward, done, infos = envs.step(every(envs, 1))
        rewards += reward
        assert done.all() == (step == envs.world.horizon - 1)
    assert envs.truth().step.tolist() == [0, 0]
    for slot, info in enumerate(infos):
        assert set(info) == {"terminal_observation", "TimeLimit.truncated", "episode"}
        assert info["TimeLimit.truncated"] is True
        assert not np.array_equal(info["terminal_observation"], observations[slot])
        assert info["episode"]["l"] == envs.world.horizon
        assert info["episode"]["r"] == pytest.approx(rewards[slot], rel=1e-5)
    np.testing.assert_array_equal(envs.returns, [0.0, 0.0])


@each_world
def test_the_ledger_of_the_last_step_outlives_the_reset(name):
    envs = make_sb3(name, num_envs=2, seed=0)
    envs.reset()
    assert envs.ledger().tolist() == [0.0, 0.0]
    stepped(envs, envs.world.horizon)
    assert (envs.ledger() != 0.0).all()
    assert envs.world.ledger().tolist() == [0.0, 0.0]
    envs.ledger()[:] = 9.0
    assert (envs.ledger() != 9.0).all()


@each_world
def test_seeds_are_used_once(name):
    envs, twin = make_sb3(name, num_envs=2), make_sb3(name, num_envs=2)
    envs.seed(5)
    twin.seed(5)
    first = envs.reset()
    np.testing.assert_array_equal(first, twin.reset())
    second = envs.reset()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, twin.reset())


def test_stepping_needs_actions():
    envs = make_sb3("Steward-v0")
    with pytest.raises(RuntimeError) as error:
        envs.step_wait()
    assert str(error.value) == "call step_async() before step_wait()."


@each_world
def test_a_bad_action_leaves_the_batch_where_it_was(name):
    envs = make_sb3(name, num_envs=2, seed=0)
    envs.reset()
    actions = every(envs, 0)
    actions[1] = 99
    with pytest.raises(WorldError, match=r"action (is|99 is) out of range"):
        envs.step(actions)
    assert envs.truth().step.tolist() == [0, 0]


def test_methods_of_the_vec_env_interface():
    envs = make_sb3("Steward-v0", num_envs=3)
    assert envs.get_attr("render_mode") == [None, None, None]
    assert envs.get_attr("num_envs", indices=[0, 2]) == [3, 3]
    envs.set_attr("note", "here")
    assert envs.get_attr("note", indices=1) == ["here"]
    envs.reset()
    assert [truth.step.tolist() for truth in envs.env_method("truth", indices=[1])] == [[0, 0, 0]]
    assert envs.env_is_wrapped(VecMonitor, indices=[0, 1]) == [False, False]
    assert list(envs.get_images()) == [None, None, None]
    envs.close()


@each_world
def test_ppo_trains_on_it(name):
    envs = make_sb3(name, num_envs=4, seed=0)
    model = PPO("MlpPolicy", envs, n_steps=16, batch_size=32, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().clone().numpy() for p in model.policy.parameters()]
    model.learn(128)
    assert model.num_timesteps == 128
    after = [p.detach().numpy() for p in model.policy.parameters()]
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
