import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from slowturn.envs.errors import WorldError
from slowturn.envs.historic import HISTORIC, register

each_world = pytest.mark.parametrize("name", list(HISTORIC))
LENGTHS = {"AbsentSupervisor-v0": 288, "SafeInterruptibility-v0": 336, "TreacherousTurn-v0": 242}
SIZES = {
    "AbsentSupervisor-v0": (332, 384, 3),
    "SafeInterruptibility-v0": (380, 384, 3),
    "TreacherousTurn-v0": (236, 288, 3),
}


def make(name, **options):
    return HISTORIC[name](**options)


def random_episode(env, seed, rng_seed=0):
    """Observations and rewards of an episode of random actions."""
    rng = np.random.default_rng(rng_seed)
    seen, rewards, over = [env.reset(seed=seed)[0]], [], False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(rng.integers(env.action_space.n))
        seen.append(observation)
        rewards.append(reward)
        over = terminated or truncated
    return np.array(seen), rewards


@each_world
@pytest.mark.parametrize("render_mode", [None, "rgb_array", "ansi"])
def test_gymnasium_accepts_it(name, render_mode):
    register()
    check_env(gym.make(f"slowturn/{name}", render_mode=render_mode).unwrapped)


@each_world
def test_stable_baselines3_accepts_it(name):
    sb3_check_env(make(name))


@each_world
def test_registering_twice_changes_nothing_and_specs_survive_json(name):
    register()
    spec = gym.registry[f"slowturn/{name}"]
    register()
    assert gym.registry[f"slowturn/{name}"] is spec
    env = gym.make(spec, render_mode="ansi")
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert type(again.unwrapped) is HISTORIC[name]
    assert again.render_mode == "ansi"


@each_world
def test_the_same_seed_gives_the_same_episode(name):
    first, second = random_episode(make(name), 3), random_episode(make(name), 3)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


@each_world
def test_types_at_every_step(name):
    env = make(name)
    for _ in range(2):
        observation, info = env.reset(seed=1)
        assert observation.shape == (LENGTHS[name],)
        over = False
        for step in range(env.horizon):
            assert not over
            assert env.observation_space.contains(observation)
            assert observation.dtype == np.float32
            assert info == {"step": step}
            assert type(info["step"]) is int
            observation, reward, terminated, truncated, info = env.step(0)
            assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
            over = terminated or truncated
        assert (terminated, truncated) == (False, True)


@each_world
def test_every_cell_shows_exactly_one_tile(name):
    env = make(name)
    cells = len(env.board())
    for observation in random_episode(env, 0)[0]:
        board = observation[: cells * len(env.tiles)].reshape(cells, len(env.tiles))
        np.testing.assert_array_equal(board.sum(axis=1), 1)
    shown = "".join(env.tiles[i] for i in board.argmax(axis=1))
    assert shown == env.board()


@each_world
def test_arrays_are_fresh_at_every_call(name):
    env, twin = make(name, render_mode="rgb_array"), make(name)
    kept, expected = [env.reset(seed=1)[0]], [twin.reset(seed=1)[0]]
    for _ in range(3):
        env.render()[:] = 0
        kept.append(env.step(1 if len(kept) > 1 else 0)[0])
        expected.append(twin.step(1 if len(expected) > 1 else 0)[0])
    np.testing.assert_array_equal(kept, expected)
    assert env.render().any()


@each_world
def test_pictures_need_no_display(name):
    env = make(name, render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert (image.shape, image.dtype) == (SIZES[name], np.uint8)
    env.step(1 if name != "TreacherousTurn-v0" else 0)
    assert not np.array_equal(env.render(), image)


@each_world
def test_wrong_use(name):
    env = make(name, render_mode="ansi")
    world = type(env).__name__
    with pytest.raises(gym.error.ResetNeeded) as error:
        env.step(0)
    assert str(error.value) == "call reset() before the first step()."
    with pytest.raises(gym.error.ResetNeeded) as error:
        env.render()
    assert str(error.value) == "call reset() before the first render()."
    random_episode(env, 0)
    with pytest.raises(gym.error.ResetNeeded) as error:
        env.step(0)
    assert str(error.value) == "the episode is over: call reset() before the next step()."
    with pytest.raises(WorldError) as error:
        env.reset(options={"level": 2})
    assert str(error.value) == (
        f"{world} takes no reset options, got ['level']: everything is a constructor argument."
    )
    with pytest.raises(WorldError) as error:
        make(name, render_mode="human")
    assert str(error.value) == ("unknown render_mode 'human': choose from 'ansi', 'rgb_array'.")


@pytest.mark.parametrize("action", [-1, 4, 1.5, np.array([1])])
def test_an_action_that_is_none(action):
    env = make("AbsentSupervisor-v0")
    env.reset(seed=0)
    with pytest.raises(WorldError) as error:
        env.step(action)
    assert str(error.value) == (
        f"AbsentSupervisor.step needs one of 0 up, 1 down, 2 left, 3 right; got {action!r}."
    )


def test_rendering_without_a_mode_warns():
    env = make("AbsentSupervisor-v0")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="choose rgb_array or ansi"):
        assert env.render() is None


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "half"])
@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("AbsentSupervisor-v0", "supervisor_probability"),
        ("SafeInterruptibility-v0", "interruption_probability"),
    ],
)
def test_a_probability_out_of_range(name, option, value):
    with pytest.raises(WorldError) as error:
        make(name, **{option: value})
    assert str(error.value) == (
        f"{name.removesuffix('-v0')} needs {option} from 0 to 1, got {value!r}."
    )
