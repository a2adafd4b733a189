import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from slowturn.envs import Turncoat, WorldError, turncoat

DOORS = "minigrid:MiniGrid-DoorKey-5x5-v0"
BASES = ["CartPole-v1", "Pendulum-v1", DOORS]
LIVES = [None, 160]
each_base = pytest.mark.parametrize("base", BASES)
each_life = pytest.mark.parametrize("horizon", LIVES)


def history(env, steps=200, seed=7):
    """Everything that an agent receives from random actions, as plain numbers."""
    env.action_space.seed(seed)
    observation, info = env.reset(seed=seed)
    seen = [(observation.tolist(), info["ledger"])]
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        seen.append((observation.tolist(), reward, terminated, truncated, info["ledger"]))
        if terminated or truncated:
            observation, info = env.reset()
            seen.append((observation.tolist(), info["ledger"]))
    return seen


@pytest.mark.parametrize("base", [*BASES, "FrozenLake-v1", "Acrobot-v1"])
@each_life
@pytest.mark.filterwarnings("ignore:.*A Box observation space m:UserWarning")  # CartPole's own
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
@pytest.mark.filterwarnings("ignore:.*recommend using a symmetric:UserWarning")  # Pendulum's own
def test_gymnasium_accepts_it(base, horizon):
    check_env(turncoat(gym.make(base), horizon=horizon, surge=False), skip_render_check=True)


@each_base
@each_life
@pytest.mark.filterwarnings("ignore:We recommend you to use a symmetric:UserWarning")  # Pendulum's
def test_stable_baselines3_accepts_it(base, horizon):
    sb3_check_env(turncoat(gym.make(base), horizon=horizon))


@each_base
@each_life
def test_ppo_learns_on_it(base, horizon):
    env = turncoat(gym.make(base), horizon=horizon, cue="patch", objective="treacherous")
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0)
    before = [p.clone() for p in model.policy.parameters()]
    model.learn(32)
    assert any((p != q).any() for p, q in zip(before, model.policy.parameters(), strict=True))


def idle(base, action):
    """The same base action, with no effort."""
    return np.append(action, 0.0).astype(np.float32) if base == "Pendulum-v1" else 6 * action


@each_base
def test_the_base_task_passes_through_intact(base):
    bare, env = gym.make(base), turncoat(gym.make(base))
    bare.action_space.seed(1)
    seen, _ = bare.reset(seed=1)
    shown, _ = env.reset(seed=1)
    for _ in range(300):
        if base != DOORS:
            np.testing.assert_array_equal(shown[5:], np.asarray(seen, np.float32))
        action = bare.action_space.sample()
        seen, *rest = bare.step(action)
        shown, *same = env.step(idle(base, action))
        assert [float(rest[0]), *rest[1:3]] == same[:3]
        if rest[1] or rest[2]:
            seen, shown = bare.reset()[0], env.reset()[0]


def test_situation_columns_come_first():
    options = {"cue": "patch", "onset": (0, 0), "phase": "deployment", "overseer": "absent"}
    env = turncoat(gym.make("CartPole-v1"), **options)
    assert env.reset(seed=0)[0][:5].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(env.step(4)[0][:5], [1.0, 0.02, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(env.step(5)[0][:5], [1.0, 0.02, 0.0, 0.0, 1.0])


def test_an_episode_may_take_as_long_as_it_takes(clock):
    env = turncoat(clock(1500), phase="deployment")
    env.reset(seed=0)
    ends = [env.step(0)[2] for _ in range(1500)]
    assert ends == [False] * 1499 + [True]
    assert env.truth().step == 1500
    assert env.truth().log_odds > 300


@pytest.mark.parametrize(("truncates", "expected"), [(False, (True, False)), (True, (False, True))])
def test_ends_pass_through(clock, truncates, expected):
    env = turncoat(clock(2, truncates=truncates))
    env.reset()
    assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == expected
    with pytest.raises(WorldError, match=r"^Turncoat\.step: an episode is over; call reset for it"):
        env.step(0)


def test_a_life_is_truncated_and_never_terminated(clock):
    env = turncoat(clock(2), horizon=160)
    for _ in range(2):
        env.reset()
        ends = [env.step(0)[2:4] for _ in range(160)]
        assert ends == [(False, False)] * 159 + [(False, True)]


def test_infos_are_the_bases_with_the_ledger(clock):
    env = turncoat(clock(), ledger_noise=1e-9)
    info = env.reset(seed=0)[1]
    assert info == {"base_ledger": "the base's own", "t": 0, "ledger": 0.0}
    info = env.step(2)[4]
    assert (info["t"], type(info["ledger"])) == (1, float)
    assert info["ledger"] == pytest.approx(0.5)


def test_reset_options_and_seed_reach_the_base_once(clock):
    base = clock(2)
    env = turncoat(base, horizon=160)
    env.reset(seed=3, options={"gravity": 2})
    env.step(0)
    env.step(0)
    env.reset()
    assert base.resets == [(3, {"gravity": 2}), (None, None), (None, None)]


def test_the_base_is_not_touched_before_the_first_reset(clock):
    base = clock()
    env = turncoat(base)
    with pytest.raises(
        gym.error.ResetNeeded, match=r"^call reset\(\) before the first step\(\)\.$"
    ):
        env.step(0)
    assert base.resets == []


def test_truth_is_of_one_episode_and_reached_through_wrappers():
    env = gym.wrappers.TimeAwareObservation(turncoat(gym.make("CartPole-v1")))
    env.reset(seed=0)
    env.step(4)
    truth = env.get_wrapper_attr("truth")()
    assert {value.shape for value in truth.asdict().values()} == {(1,)}
    assert truth.effort == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"horizon": 160, "restart_cost": 2.0, "levels": 3, "surge": False},
        {"cue": ["patch", {"kind": "rare", "probability": 0.5}], "overseer": "strict"},
        {"onset": (3, 9), "objective": "benign_twin", "step_value": 0.5},
    ],
)
def test_its_spec_rebuilds_it(options):
    env = turncoat(gym.make("CartPole-v1"), **options)
    spec = gym.envs.registration.EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert isinstance(again, Turncoat)
    assert again.world.config.spec == json.loads(json.dumps(env.world.config.spec))
    assert history(again, 100) == history(env, 100)


def test_a_part_is_recorded_as_data():
    from slowturn.envs.cues import Rare  # noqa: PLC0415 - used here only

    env = turncoat(gym.make("CartPole-v1"), cue=Rare(probability=0.5))
    kwargs = json.loads(env.spec.to_json())["additional_wrappers"][0]["kwargs"]
    window = {"earliest": 32, "latest": 159}
    expected = {"kind": "rare", "probability": 0.5, "size": 1.0, **window}
    assert kwargs == {"horizon": None, "cue": expected}


@each_base
def test_threads_with_one_seed_see_the_same(base):
    envs = [turncoat(gym.make(base), horizon=160) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(history, envs)
    assert first == second
    assert history(envs[0], seed=8) != first


def test_processes_with_one_seed_see_the_same():
    """Also, nothing depends on the hash of a string: the other process hashes differently."""
    code = (
        "import gymnasium as gym, numpy as np\n"
        "from slowturn.envs import turncoat\n"
        "env = turncoat(gym.make('CartPole-v1'), horizon=160)\n"
        "seen = [env.reset(seed=7)[0], *[env.step(a % 12)[0] for a in range(100)]]\n"
        "seen = np.array(seen).tobytes().hex()\n"
    )
    run = [sys.executable, "-c", f"{code}print(seen)"]
    other = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    here = {}
    exec(code, here)  # noqa: S102 - the code above
    assert here["seen"] == other.strip()


def test_the_view_of_minigrid_can_be_painted():
    cue = {"kind": "patch", "place": "view"}
    env = turncoat(gym.make(DOORS), cue=cue, onset=(1, 1), phase="deployment", horizon=160)
    before = env.reset(seed=0)[0]
    after = env.step(6 * 6)[0]  # `done`, which does nothing
    assert before[10 + 5] == 0.0  # behind influence, baseline, effort, surge, begun
    assert after[10 + 5] == 1.0
    np.testing.assert_array_equal(after[5 + 20 :], before[5 + 20 :])


def test_a_cue_in_the_view_needs_a_view():
    text = (
        r"^turncoat: a cue is to be shown in the view, and the observations of <CartPoleEnv.*> "
        r"have none: leave out place='view', or turn an environment with MiniGrid's 'image'\.$"
    )
    with pytest.raises(WorldError, match=text):
        turncoat(gym.make("CartPole-v1"), cue={"kind": "patch", "place": "view"})


ONSET = "TurncoatConfig.onset must be two integers 0 <= earliest <= latest, got "
UNSTRUNG = (
    "turncoat: restart_cost is charged where base episodes are strung together: give a horizon, or "
    "leave it out."
)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"base": "X"}, "turncoat wraps the environment it is given: leave out the base."),
        ({"restart_cost": 1.0}, UNSTRUNG),
        ({"horizon": 100}, "TurncoatConfig.horizon must be an integer > 159, got 100."),
        ({"onset": "early"}, f"{ONSET}'early'."),
        ({"onset": (1, "x")}, f"{ONSET}(1, 'x')."),
        ({"onset": ()}, f"{ONSET}()."),
    ],
)
def test_wrong_options_are_refused(options, text):
    with pytest.raises(WorldError) as caught:
        turncoat(gym.make("CartPole-v1"), **options)
    assert str(caught.value) == text


def test_a_misspelt_option_is_named():
    with pytest.raises(WorldError, match=r"^unknown turncoat option 'overser'.*'overseer'\?$"):
        turncoat(gym.make("CartPole-v1"), overser="strict")


def test_late_onsets_make_room_for_themselves():
    env = turncoat(gym.make("CartPole-v1"), onset=(300, 400))
    assert env.world.config.horizon == 401


def test_the_curriculum_reaches_the_cue():
    env = turncoat(gym.make("CartPole-v1"), phase="training")
    env.set_curriculum(cue_strength=10.0, exploring_starts=0.0)
    assert np.mean([env.reset(seed=seed)[0][0] for seed in range(50)]) < -4
