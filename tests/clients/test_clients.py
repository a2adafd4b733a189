"""What other people wrote for other environments drives ours, as it stands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecFrameStack, VecMonitor, VecNormalize

from slowturn.envs import WORLDS, make_env, make_sb3

IDS = {name: f"slowturn/{name}" for name in WORLDS}
DISCRETE = [n for n in WORLDS if isinstance(make_env(n).action_space, gym.spaces.Discrete)]
BOX = [n for n in WORLDS if isinstance(make_env(n).action_space, gym.spaces.Box)]
SCRIPT = Path(__file__).with_name("cleanrl_style.py")

each_world = pytest.mark.parametrize("name", list(WORLDS))


def run(*arguments, cwd):
    """Run a Python program as its author would, and return what it printed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_there_are_worlds_of_either_kind_of_action():
    assert DISCRETE
    assert BOX
    assert sorted(DISCRETE + BOX) == sorted(WORLDS)


@each_world
def test_a_single_file_ppo_runs(name, tmp_path):
    learns = name == "Steward-v0"  # with the others, running is enough
    steps = 16_384 if learns else 6144
    printed = run(
        SCRIPT, "--env-id", f"slowturn.envs:{IDS[name]}", "--total-steps", steps, cwd=tmp_path
    )
    found = json.loads(printed)
    ends = 3 if learns else 1  # every 257 steps of 16 episodes side by side
    assert found["episodes"] == found["dead_rows"] == 16 * ends
    assert np.isfinite([found["first"], found["last"]]).all()
    if learns:
        assert found["first"] < -100
        assert found["last"] > 0


def zoo(algorithm, name, settings, tmp_path, *more):
    """Train with RL Baselines3 Zoo and return the directory of the experiment."""
    pytest.importorskip("rl_zoo3", reason="RL Baselines3 Zoo comes with the dev extra")
    lines = [f"{IDS[name]}:", *(f"  {key}: {value}" for key, value in settings.items())]
    (tmp_path / "settings.yml").write_text("\n".join(lines))
    options = ["--algo", algorithm, "--env", IDS[name], "--gym-packages", "slowturn.envs"]
    options += ["--conf-file", "settings.yml", "-f", "logs", "--seed", 1]
    run("-m", "rl_zoo3.train", *options, *more, cwd=tmp_path)
    return tmp_path / "logs" / algorithm / f"slowturn-{name}_1"


def test_the_zoo_trains_evaluates_and_normalises_by_id(tmp_path):
    settings = {
        "policy": "MlpPolicy",
        "n_envs": 2,
        "n_timesteps": 512,
        "n_steps": 64,
        "batch_size": 64,
        "normalize": "true",
    }
    evaluates = ("--eval-freq", 256, "--eval-episodes", 2)
    out = zoo("ppo", "Steward-v0", settings, tmp_path, *evaluates)
    assert PPO.load(out / "slowturn-Steward-v0.zip").num_timesteps == 512
    with np.load(out / "evaluations.npz") as evaluations:
        assert evaluations["ep_lengths"].tolist() == [[256, 256]] * 2
    stored = out / "slowturn-Steward-v0" / "vecnormalize.pkl"
    normalised = VecNormalize.load(str(stored), make_vec_env(IDS["Steward-v0"]))
    assert normalised.obs_rms.count > 512
    monitored = (out / "0.monitor.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in monitored[2:]] == ["256"]


def test_the_zoo_passes_options_on_and_stacks_frames_of_a_continuous_world(tmp_path):
    settings = {
        "policy": "MlpPolicy",
        "n_timesteps": 300,
        "learning_starts": 250,
        "frame_stack": 2,
    }
    out = zoo("sac", "Broker-v0", settings, tmp_path, "--env-kwargs", "regime:'brisk'")
    model = SAC.load(out / "slowturn-Broker-v0.zip")
    single = make_env("Broker-v0").observation_space.shape
    assert model.observation_space.shape == (2 * single[0],)
    assert "regime: brisk" in (out / "slowturn-Broker-v0" / "args.yml").read_text()


@each_world
def test_stable_baselines3_checks_the_environment(name):
    check_env(gym.make(IDS[name]).unwrapped)


@each_world
def test_ppo_trains_by_id(name):
    model = PPO("MlpPolicy", IDS[name], n_steps=64, batch_size=64, device="cpu").learn(300)
    assert model.num_timesteps == 320
    assert len(model.ep_info_buffer) == 1


def test_ppo_trains_by_an_id_that_names_the_module():
    assert PPO("MlpPolicy", "slowturn.envs:slowturn/Steward-v0", n_steps=64, device="cpu").learn(64)


@each_world
def test_many_environments_are_made_by_id_and_evaluated(name):
    envs = make_vec_env(IDS[name], n_envs=4, seed=0)
    model = A2C("MlpPolicy", envs, device="cpu").learn(100)
    returns, lengths = evaluate_policy(
        model, envs, n_eval_episodes=4, deterministic=False, return_episode_rewards=True
    )
    assert lengths == [256] * 4
    assert len(set(returns)) == 4  # four seeds, four episodes


@each_world
def test_recurrent_ppo_trains_by_id(name):
    model = RecurrentPPO("MlpLstmPolicy", IDS[name], n_steps=32, batch_size=32, device="cpu")
    assert model.learn(64).num_timesteps == 64


@pytest.mark.parametrize("name", DISCRETE)
def test_dqn_trains_where_actions_are_discrete(name):
    settings = {"learning_starts": 20, "buffer_size": 1000, "device": "cpu"}
    model = DQN("MlpPolicy", IDS[name], **settings).learn(80)
    assert model._n_updates > 0


@pytest.mark.parametrize("algorithm", [SAC, TD3])
@pytest.mark.parametrize("name", BOX)
def test_actor_critics_with_replay_train_where_actions_are_continuous(name, algorithm):
    settings = {"learning_starts": 270, "buffer_size": 1000, "device": "cpu"}
    model = algorithm("MlpPolicy", IDS[name], **settings).learn(280)
    assert model._n_updates > 0
    ended = model.replay_buffer.dones[:, 0]
    assert np.flatnonzero(ended).tolist() == [255]
    np.testing.assert_array_equal(model.replay_buffer.timeouts[:, 0], ended)  # no terminal state


@each_world
@pytest.mark.parametrize("native", [False, True])
def test_frames_stack_over_either_kind_of_vector(name, native):
    envs = make_sb3(name, num_envs=2, seed=0) if native else make_vec_env(IDS[name], n_envs=2)
    width = envs.observation_space.shape[0]
    stacked = VecFrameStack(envs, n_stack=3)
    first = stacked.reset()
    assert first.shape == (2, 3 * width)
    assert not first[:, : 2 * width].any()
    model = A2C("MlpPolicy", stacked, n_steps=64, device="cpu").learn(600)  # beyond an episode
    assert model.num_timesteps == 640


@each_world
def test_our_vector_is_normalised_monitored_and_evaluated(name):
    envs = VecNormalize(VecMonitor(make_sb3(name, num_envs=4, seed=0)))
    model = PPO("MlpPolicy", envs, n_steps=260, batch_size=260, n_epochs=1, device="cpu")
    model.learn(1040)
    assert [episode["l"] for episode in model.ep_info_buffer] == [256] * 4
    assert envs.obs_rms.count == pytest.approx(4 * 261, abs=0.1)
    envs.training, envs.norm_reward = False, False
    mean, deviation = evaluate_policy(model, envs, n_eval_episodes=4)
    assert np.isfinite([mean, deviation]).all()


@each_world
def test_a_monitor_writes_episodes_down(name, tmp_path):
    env = Monitor(gym.make(IDS[name]), str(tmp_path / "run"))
    env.action_space.seed(0)
    env.reset(seed=0)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, over, info = env.step(env.action_space.sample())
        total += reward
        assert not terminated
    env.close()
    assert info["episode"]["l"] == 256
    assert info["episode"]["r"] == pytest.approx(total, abs=1e-5)
    assert (tmp_path / "run.monitor.csv").read_text().count("\n") == 3
