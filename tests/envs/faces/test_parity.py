"""The faces show the same episodes: they differ only in who resets, and when."""

import numpy as np
import pytest
from gymnasium.vector.utils import batch_space

from slowturn.envs import WORLDS, make_env, make_sb3, make_vector

SLOTS, EPISODES, SEED = 3, 3, 40
OPTIONS = {"regime": "brisk", "objective": "treacherous", "horizon": 160}


@pytest.fixture(scope="module", params=list(WORLDS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def actions(name):
    space = batch_space(make_env(name, **OPTIONS).action_space, SLOTS)
    space.seed(0)
    return np.array([[space.sample() for _ in range(OPTIONS["horizon"])] for _ in range(EPISODES)])


def row(observation, reward, ledger, truth):
    """All that is known of one slot at one moment, by name."""
    return {"observation": observation, "reward": reward, "ledger": ledger} | truth


def slot_of(truth, slot):
    return {key: values[slot] for key, values in truth.asdict().items()}


@pytest.fixture(scope="module")
def single(name, actions):
    """Rows by (slot, episode, step), replayed one environment and one episode at a time."""
    rows = {}
    for slot in range(SLOTS):
        env = make_env(name, **OPTIONS)
        for episode in range(EPISODES):
            observation, info = env.reset(seed=SEED + slot if episode == 0 else None)
            truth = slot_of(env.truth(), 0)
            rows[slot, episode, 0] = row(observation, 0.0, info["ledger"], truth)
            for t, action in enumerate(actions[episode, :, slot]):
                observation, reward, _, truncated, info = env.step(action)
                truth = slot_of(env.truth(), 0)
                rows[slot, episode, t + 1] = row(observation, reward, info["ledger"], truth)
            assert truncated
    return rows


def assert_rows_equal(expected, actual):
    assert expected.keys() == actual.keys()
    for key in expected:
        assert expected[key].keys() >= actual[key].keys()
        for field, value in actual[key].items():
            message = f"{field} at (slot, episode, step) = {key}"
            np.testing.assert_array_equal(expected[key][field], value, err_msg=message)


def test_episodes_differ_between_slots_and_episodes(single):
    """Otherwise the comparisons below would prove nothing."""
    onsets = {single[s, e, 0]["cue_onset"] for s in range(SLOTS) for e in range(EPISODES)}
    assert len(onsets) > SLOTS
    begins = {
        b"".join(single[s, e, t]["observation"].tobytes() for t in range(8))
        for s in range(SLOTS)
        for e in range(EPISODES)
    }
    assert len(begins) == SLOTS * EPISODES


def test_vector_shows_what_the_single_environments_show(name, actions, single):
    envs = make_vector(name, num_envs=SLOTS, **OPTIONS)
    rows = {}

    def keep(episode, t, observations, rewards, infos):
        for slot in range(SLOTS):
            truth = slot_of(envs.truth(), slot)
            rows[slot, episode, t] = row(
                observations[slot], rewards[slot], infos["ledger"][slot], truth
            )

    observations, infos = envs.reset(seed=SEED)
    keep(0, 0, observations, np.zeros(SLOTS), infos)
    for episode in range(EPISODES):
        if episode > 0:  # the step after an end resets; its action is ignored
            observations, rewards, _, truncated, infos = envs.step(actions[0, 1])
            assert not truncated.any()
            keep(episode, 0, observations, rewards, infos)
        for t in range(OPTIONS["horizon"]):
            observations, rewards, terminated, truncated, infos = envs.step(actions[episode, t])
            assert not terminated.any()
            assert truncated.all() == truncated.any() == (t == OPTIONS["horizon"] - 1)
            keep(episode, t + 1, observations, rewards, infos)
    assert_rows_equal(single, rows)


def test_sb3_shows_what_the_single_environments_show(name, actions, single):
    envs = make_sb3(name, num_envs=SLOTS, seed=SEED, **OPTIONS)
    rows = {}
    observations = envs.reset()
    for slot in range(SLOTS):
        truth = slot_of(envs.truth(), slot)
        rows[slot, 0, 0] = row(observations[slot], 0.0, envs.ledger()[slot], truth)
    for episode in range(EPISODES):
        for t in range(OPTIONS["horizon"]):
            observations, rewards, done, infos = envs.step(actions[episode, t])
            assert done.all() == done.any() == (t == OPTIONS["horizon"] - 1)
            for slot in range(SLOTS):
                truth, ledger = slot_of(envs.truth(), slot), envs.ledger()[slot]
                if not done[slot]:
                    rows[slot, episode, t + 1] = row(
                        observations[slot], rewards[slot], ledger, truth
                    )
                    continue
                last = infos[slot]["terminal_observation"]
                rows[slot, episode, t + 1] = row(last, rewards[slot], ledger, {})
                if episode + 1 < EPISODES:  # observation and truth are the next episode's
                    rows[slot, episode + 1, 0] = row(observations[slot], 0.0, 0.0, truth)
    single = {key: value | {"reward": np.float32(value["reward"])} for key, value in single.items()}
    assert_rows_equal(single, rows)
