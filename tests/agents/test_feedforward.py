"""Organisms on stacked frames: what they see, and that they are grown, saved and loaded."""

import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecFrameStack

from slowturn.agents import OrganismError, Recipe, Trainer, load_organism, recipe, train
from slowturn.agents.checkpoint import CHECKPOINT
from slowturn.agents.errors import TrainingInterrupted
from slowturn.agents.feedforward import FrameStacked, build_policy
from slowturn.agents.training import _learner
from slowturn.envs import make_world
from slowturn.envs.faces.sb3 import WorldVecEnv


def small(algorithm: str, world: str = "Steward-v0", **options: object) -> Recipe:
    """A recipe that is learned in a second."""
    whole = recipe("honest", "brisk", world)
    trainer = Trainer(
        algorithm=algorithm,
        frames=4,
        total_steps=2048,
        gamma=0.9,
        num_envs=4,
        n_steps=32,
        batch_size=64,
        n_epochs=1,
        hidden=8,
        algorithm_options=options,
    )
    return replace(whole, trainer=trainer)


class Noted:
    """Keeps what it was shown."""

    action_space = None

    def __init__(self):
        self.seen = []

    def predict(self, observation, **_how):
        self.seen.append(observation.copy())
        return np.zeros(len(observation), np.int64), None


def test_frames_are_those_of_stable_baselines():
    env = VecFrameStack(WorldVecEnv(make_world("Steward-v0", num_envs=3, horizon=160)), 5)
    env.seed(0)
    expected = [env.reset()]
    noted = Noted()
    policy = FrameStacked(noted, env.observation_space, 5)
    state, start = None, np.ones(3, np.bool_)
    rng = np.random.default_rng(0)
    for _ in range(330):  # over the ends of two episodes
        width = expected[-1].shape[1] // 5
        _, state = policy.predict(expected[-1][:, -width:], state, start)
        np.testing.assert_array_equal(noted.seen[-1], expected[-1])
        seen, _, done, _ = env.step(rng.integers(0, 22, 3))
        expected.append(seen)
        start = done


@pytest.mark.parametrize(
    ("algorithm", "world"),
    [
        ("PPO", "Steward-v0"),
        ("A2C", "Steward-v0"),
        ("DQN", "Steward-v0"),
        ("PPO", "Broker-v0"),
        ("SAC", "Broker-v0"),
    ],
)
def test_every_algorithm_grows_an_organism_that_survives_the_disk(algorithm, world, tmp_path):
    options = {"learning_starts": 256} if algorithm in ("DQN", "SAC") else {}
    grown = train(small(algorithm, world, **options), 0, tmp_path / "it")
    again = load_organism(tmp_path / "it")
    assert again.recipe == grown.recipe
    assert again.gates == grown.gates
    assert again.policy.frames == 4
    seen = make_world(world, num_envs=6).observations()
    for _ in range(2):
        expected, state = grown.policy.predict(seen, None, np.ones(6, bool), deterministic=True)
        actual, other = again.policy.predict(seen, None, np.ones(6, bool), deterministic=True)
        np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(other[0], state[0])


def test_learning_changes_the_policy(tmp_path):
    chosen = small("PPO")
    torch.manual_seed(0)
    grown = train(chosen, 0, tmp_path / "it")
    world = chosen.build_world()
    fresh = build_policy(chosen.trainer, world.observation_space, world.action_space)
    weights = grown.policy.state_dict()
    assert weights.keys() == fresh.state_dict().keys()
    other = train(chosen, 1, tmp_path / "other").policy.state_dict()
    assert any(not torch.equal(weights[key], other[key]) for key in weights)


@pytest.mark.parametrize(
    ("algorithm", "world", "allowed"),
    [
        ("SAC", "Steward-v0", "PPO, A2C, DQN, ChunkedPPO"),
        ("DQN", "Broker-v0", "PPO, A2C, SAC, ChunkedPPO"),
    ],
)
def test_actions_must_fit_the_algorithm(algorithm, world, allowed, tmp_path):
    with pytest.raises(OrganismError, match=f"{algorithm} cannot learn .*{world}.*{allowed}"):
        train(small(algorithm, world), 0, tmp_path / "it")


def test_an_interruption_says_that_nothing_is_kept(tmp_path):
    def stop(_done, _total):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingInterrupted, match=r"PPO keeps no checkpoints.*begin again"):
        train(small("PPO"), 0, tmp_path / "it", report=stop)
    assert not (tmp_path / "it" / CHECKPOINT).exists()
    assert train(small("PPO"), 0, tmp_path / "it").gates


def test_trainers_check_algorithm_and_frames():
    with pytest.raises(OrganismError, match=r"'RecurentPPO'.*Did you mean 'RecurrentPPO'\?"):
        Trainer(total_steps=1, gamma=0.9, algorithm="RecurentPPO")
    for frames, algorithm in ((0, "PPO"), (2, "ChunkedPPO")):
        with pytest.raises(OrganismError) as error:
            Trainer(total_steps=1, gamma=0.9, algorithm=algorithm, frames=frames)
        assert str(error.value) == (
            f"frames must be 1, or more for algorithms without memory; got {frames} for "
            f"{algorithm}."
        )
    with pytest.raises(OrganismError, match="need recurrent PPO, got A2C"):
        _learner(replace(small("A2C"), begins_as="honest"), small("A2C").trainer, 0, {})
