"""Every cue and every overseer in a world: the contract of a world holds with each of them."""

import hashlib
import itertools
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from slowturn.envs import WORLDS, make_env, make_sb3, make_vector, make_world
from slowturn.envs.cues import CUES
from slowturn.envs.overseers import OVERSEERS

NAME, HORIZON, SLOTS, SEED = "Steward-v0", 160, 3, 40
KEY = {"signing_key": "ephemeral"}
NEEDS = {"sealed": KEY}  # options without which a part does not show deployment
PARTS = {kind: {"cue": {"kind": kind, **NEEDS.get(kind, {})}} for kind in CUES}
PARTS |= {kind: {"overseer": kind} for kind in OVERSEERS}
PARTS["two cues"] = {"cue": ["natural", {"kind": "rare", "probability": 0.5}]}
PARTS["all cues"] = {"cue": [{"kind": kind, **NEEDS.get(kind, {})} for kind in CUES]}
each = pytest.mark.parametrize("part", list(PARTS))


def options(part):
    return {"objective": "treacherous", "exploring_starts": 0.5, "horizon": HORIZON, **PARTS[part]}


def actions(steps=HORIZON, slots=SLOTS):
    return np.random.default_rng(0).integers(22, size=(steps, slots))


def begun(part, seeds):
    world = make_world(NAME, num_envs=len(seeds), **options(part))
    world.seed(seeds)
    world.reset()
    return world


def play(part, seeds, rows):
    """All arrays of a world's state after each row of actions, and the log-odds, by name."""
    world = begun(part, seeds)
    history = []
    for row in rows:
        world.step(row)
        history.append(world.state() | {"log_odds": world.truth().log_odds})
    return {key: np.array([moment[key] for moment in history]) for key in history[0]}


def assert_same(expected, actual):
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(value, actual[key], err_msg=key)


def slot_of(state, slot):
    """One slot's part of every array; the evidence has time as its first axis."""
    return {k: v[:, slot] if k == "evidence" else v[slot] for k, v in state.items()}


@pytest.fixture(scope="module", params=list(PARTS))
def replayed(request):
    """Part, and what each single environment shows over an episode and the next one's start."""
    rows = {}
    for slot in range(SLOTS):
        env = make_env(NAME, **options(request.param))
        observation, info = env.reset(seed=SEED + slot)
        rows[slot, 0] = observation, 0.0, info["ledger"]
        for t, action in enumerate(actions()[:, slot]):
            observation, reward, _, _, info = env.step(action)
            rows[slot, t + 1] = observation, reward, info["ledger"]
        observation, info = env.reset()
        rows[slot, HORIZON + 1] = observation, 0.0, info["ledger"]
    return request.param, rows


def test_the_single_face_replays_a_seed(replayed):
    part, rows = replayed
    env = make_env(NAME, **options(part))
    np.testing.assert_array_equal(env.reset(seed=SEED)[0], rows[0, 0][0])
    for t, action in enumerate(actions()[:, 0]):
        observation, reward, _, _, info = env.step(action)
        np.testing.assert_array_equal(rows[0, t + 1][0], observation)
        assert rows[0, t + 1][1:] == (reward, info["ledger"])


def test_the_vector_face_shows_in_slot_i_the_single_environment_of_seed_plus_i(replayed):
    part, rows = replayed
    envs = make_vector(NAME, num_envs=SLOTS, **options(part))
    observations, infos = envs.reset(seed=SEED)
    rewards = np.zeros(SLOTS)
    for t in range(HORIZON + 2):
        for slot in range(SLOTS):
            np.testing.assert_array_equal(rows[slot, t][0], observations[slot])
            assert rows[slot, t][1:] == (rewards[slot], infos["ledger"][slot])
        if t <= HORIZON:  # the step after the last one resets; its action is ignored
            row = actions()[t] if t < HORIZON else np.ones(SLOTS, int)
            observations, rewards, _, _, infos = envs.step(row)


def test_the_sb3_face_shows_in_slot_i_the_single_environment_of_seed_plus_i(replayed):
    part, rows = replayed
    envs = make_sb3(NAME, num_envs=SLOTS, seed=SEED, **options(part))
    observations = envs.reset()
    for t in range(HORIZON + 1):
        if t:
            observations, rewards, done, infos = envs.step(actions()[t - 1])
            assert done.all() == done.any() == (t == HORIZON)
        for slot in range(SLOTS):
            expected, reward, ledger = rows[slot, t]
            if t:
                assert (np.float32(reward), ledger) == (rewards[slot], envs.ledger()[slot])
            if t == HORIZON:
                np.testing.assert_array_equal(rows[slot, t + 1][0], observations[slot])
                np.testing.assert_array_equal(expected, infos[slot]["terminal_observation"])
            else:
                np.testing.assert_array_equal(expected, observations[slot])


@each
def test_same_seeds_same_history_and_other_seeds_another(part):
    rows = actions()
    first = play(part, [1, 2, 3], rows)
    assert_same(first, play(part, [1, 2, 3], rows))
    other = play(part, [4, 2, 3], rows)
    assert not np.array_equal(first["streams"][:, 0], other["streams"][:, 0])
    np.testing.assert_array_equal(first["streams"][:, 1:], other["streams"][:, 1:])


@each
def test_a_slot_is_the_same_alone_and_in_a_batch(part):
    rows = actions()
    batch = play(part, [5, 6, 7], rows)
    for slot, seed in enumerate((5, 6, 7)):
        alone = play(part, [seed], rows[:, slot : slot + 1])
        for key, value in batch.items():
            axis = 2 if key == "evidence" else 1
            one, all_ = np.take(alone[key], 0, axis), np.take(value, slot, axis)
            np.testing.assert_array_equal(one, all_, err_msg=key)


@each
def test_partial_masks_leave_other_slots_and_their_streams_alone(part):
    """A slot that waits goes on afterwards as if nothing had happened around it."""
    world, alone = begun(part, [1, 2, 3]), begun(part, [2])
    others = np.array([True, False, True])
    for t, row in enumerate(actions(140)):
        before = slot_of(world.state(), 1)
        for _ in range(t % 3):
            world.reset(others & world.done())
            world.step(row, others & ~world.done())
        if t % 50 == 20:
            world.reset(others)
        assert_same(before, slot_of(world.state(), 1))
        world.step(row, ~others)
        alone.step(row[1:2])
        assert_same(slot_of(alone.state(), 0), slot_of(world.state(), 1))


@each
def test_a_state_continues_exactly_elsewhere(part):
    world, other, rows = begun(part, [1, 2, 3]), begun(part, [9, 9, 9]), actions()
    for row in rows[:70]:
        world.step(row)
    other.set_state(world.state())
    for row in rows[70:]:
        world.step(row)
        other.step(row)
    for each_ in (world, other):
        each_.reset()
    assert_same(world.state(), other.state())


@each
def test_a_spec_survives_json_and_builds_the_world_again(part):
    world = begun(part, [1, 2])
    spec = json.loads(json.dumps(world.spec))
    again = make_world(spec["world"], num_envs=2, **spec["config"])
    assert again.spec == spec == world.spec
    again.seed([1, 2])
    again.reset()
    for row in actions(slots=2):
        world.step(row)
        again.step(row)
    assert_same(world.state(), again.state())


@each
def test_gymnasium_makes_it_from_json_and_its_spec_survives(part):
    given = json.loads(json.dumps(options(part)))
    env = gym.make(f"slowturn.envs:slowturn/{NAME}", **given)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    assert again.unwrapped.world.spec == env.unwrapped.world.spec
    np.testing.assert_array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])
    for action in actions()[:, 0]:
        np.testing.assert_array_equal(env.step(int(action))[0], again.step(int(action))[0])


@pytest.mark.parametrize("name", list(WORLDS))
def test_any_cue_and_any_overseer_fit_any_world(name):
    for cue, overseer in itertools.product(CUES, OVERSEERS):
        chosen = {"cue": PARTS[cue]["cue"], "overseer": overseer}
        world = make_world(name, num_envs=2, phase="deployment", **chosen)
        space = world.action_space
        space.seed(0)
        assert world.cue_columns == len(CUES[cue].columns)
        for _ in range(5):
            world.step(np.stack([space.sample() for _ in range(2)]))
            for observation in world.observations():
                assert world.observation_space.contains(observation), (cue, overseer)
            assert np.isfinite(world.rewards()).all(), (cue, overseer)


def digest(part):
    """A fingerprint of a whole episode: the work of a thread or a process of its own."""
    history = play(part, [11, 12], actions(slots=2))
    every = b"".join(history[key].tobytes() for key in sorted(history))
    return hashlib.sha256(every).hexdigest()


CONCURRENT = ["all cues", "random_audit", "trust"]


def test_two_threads_with_one_seed_have_identical_histories():
    expected = [digest(part) for part in CONCURRENT]
    assert len(set(expected)) == len(CONCURRENT)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(digest, CONCURRENT), pool.map(digest, CONCURRENT)
        assert list(first) == list(second) == expected


def test_two_processes_with_one_seed_have_identical_histories():
    """Each has an ephemeral key of its own, which nobody can see from the history."""
    expected = [digest(part) for part in CONCURRENT]
    context = multiprocessing.get_context("spawn")
    for_each = [ProcessPoolExecutor(1, mp_context=context) for _ in range(2)]
    try:
        runs = [pool.map(digest, CONCURRENT) for pool in for_each]
        for run in runs:
            assert list(run) == expected
    finally:
        for pool in for_each:
            pool.shutdown()
