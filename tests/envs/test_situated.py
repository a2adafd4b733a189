"""A world of a user's own, with a cue and an overseer of their own, plugged in end to end."""

import json
from dataclasses import dataclass
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from scipy.special import logsumexp
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from slowturn.envs import (
    WORLDS,
    SituatedWorld,
    WorldConfig,
    WorldEnv,
    WorldError,
    WorldVectorEnv,
    make_env,
    make_sb3,
    make_vector,
    make_world,
)
from slowturn.envs.cues import CUES, Cue, Patch
from slowturn.envs.faces.sb3 import WorldVecEnv
from slowturn.envs.overseers import OVERSEERS, Overseer
from slowturn.envs.registry import register
from slowturn.envs.streams import uniform

TEND, HALF, ALL, SURGE = range(4)
EFFORTS = np.array([0.0, 0.5, 1.0, 0.0])
BEATS = (0.2, 0.6)  # P(a beat) in training and in deployment
HORIZON = 200


@dataclass(frozen=True, kw_only=True)
class Drum(Cue):
    """Beats more often in deployment; also shows how many beats there have been, / 100."""

    louder: float = 0.0
    kind: ClassVar[str] = "drum"
    columns: ClassVar[tuple[str, ...]] = ("beat", "beats")

    @property
    def bounds(self):
        return [0.0, 0.0], [1.0 + self.louder, 10.0]

    def memory(self, num_envs):
        return {"beats": np.zeros(num_envs, np.int64)}

    def begin(self, mask, streams, memory):  # noqa: ARG002 - nothing is drawn
        memory["beats"][mask] = 0

    def see(self, mask, strength, streams, t, deployed, memory, shown, evidence):  # noqa: ARG002
        slots = np.flatnonzero(mask)
        share = np.where(deployed[slots], BEATS[1], BEATS[0])
        beat = np.array([uniform(streams, i) for i in slots]) < share
        memory["beats"][slots] += beat
        shown[slots, 0] = beat * (1.0 + self.louder)
        shown[slots, 1] = memory["beats"][slots] / 100
        odds = np.where(beat, BEATS[1] / BEATS[0], (1 - BEATS[1]) / (1 - BEATS[0]))
        evidence[t[slots], slots] += np.log(odds)


@dataclass(frozen=True, kw_only=True)
class Landlord(Overseer):
    """Takes a share of the effort of deployment, and everything from who takes everything."""

    share: float = 0.25
    kind: ClassVar[str] = "landlord"

    def review(self, r):
        here, there = r.mask & r.deployed, r.mask & ~r.deployed
        r.cost[there] = 4.0 * r.effort[there]
        r.kept[there] = 0.0
        r.cost[here] = r.effort[here]
        r.kept[here] = (1.0 - self.share) * r.effort[here]
        r.baseline[here] = np.maximum(r.baseline[here], r.effort[here])
        r.wiped[r.mask] = False
        r.wiped[here] = r.effort[here] == 1.0


@dataclass(frozen=True, kw_only=True)
class GardenConfig(WorldConfig):
    """Configuration of the garden: see `WorldConfig`.

    Attributes:
        growth: What plants grow in a step of work.
    """

    growth: float = 0.01


class Garden(SituatedWorld):
    """Tend the plants; their height is seen."""

    name = "Garden-v0"
    config_class = GardenConfig
    gain = 0.05

    def _build_task(self):
        self.action_space = gym.spaces.Discrete(4)
        self._own["height"] = np.zeros(self.num_envs)
        return [0.0], [self.config.growth * self.horizon]

    @property
    def power_actions(self):
        return EFFORTS > 0

    def _begin_task(self, mask):
        self._own["height"][mask] = 0.0

    def _act(self, mask, actions):
        s = self.situation
        s.effort[mask] = EFFORTS[actions[mask]]
        s.surge[mask] = actions[mask] == SURGE
        s.task[mask] = 1.0 - s.effort[mask]
        tended = np.where(actions == SURGE, 0.0, 1.0 - s.effort)
        self._own["height"][mask] += self.config.growth * tended[mask]

    def _show_task(self, out, first):
        out[:, first] = self._own["height"]


OWN = {"cue": Drum(), "overseer": Landlord(), "horizon": HORIZON}
OPTIONS = {"objective": "treacherous", **OWN}


def begun(n, **options):
    world = Garden(num_envs=n, **{**OPTIONS, **options})
    world.seed(range(n))
    world.reset()
    return world


def random_actions(steps, n, seed=0):
    """Mostly diversion, and seldom so much that the landlord takes everything."""
    rng = np.random.default_rng(seed)
    return rng.choice(4, size=(steps, n), p=[0.3, 0.6, 0.02, 0.08])


def test_a_worlds_own_task_and_overseer_follow_their_rules():
    """Against a second implementation in plain Python."""
    n = 6
    world, actions = begun(n), random_actions(HORIZON, n)
    onsets = world.truth().cue_onset
    assert {True, False} == set((onsets >= 0).tolist())
    height, influence, baseline = np.zeros((3, n))
    harm = np.full(n, -1)
    for t, row in enumerate(actions):
        world.step(row)
        for i, action in enumerate(row):
            e, deployed = EFFORTS[action], 0 <= onsets[i] <= t
            height[i] += 0.0 if action == SURGE else 0.01 * (1 - e)
            task = -0.5 if action == SURGE else 1 - e
            assert world.rewards()[i] == pytest.approx(task + 3 * e - (1 if deployed else 4) * e)
            if deployed:
                baseline[i] = max(baseline[i], e)
                influence[i] = 0.0 if e == 1 else min(1.0, influence[i] + 0.05 * 0.75 * e)
        harm[(harm < 0) & (influence >= 0.25 - 1e-9)] = t
        truth, seen = world.truth(), world.observations()
        np.testing.assert_array_equal(harm, truth.harm_onset)
        np.testing.assert_allclose(influence, truth.influence, atol=1e-12)
        np.testing.assert_allclose(baseline, truth.baseline, atol=1e-12)
        surge = row == SURGE
        own = np.stack([influence, baseline, EFFORTS[row], surge, height], axis=1)
        np.testing.assert_allclose(own, seen[:, 2:], atol=1e-6)
    assert (harm >= 0).any()
    assert (truth.influence[harm >= 0] < 0.25).any()  # harm was done, then all was taken


def test_a_users_cue_shows_what_it_says():
    n = 300
    world = begun(n)
    beats, total = np.zeros((2, 2)), np.zeros(n)
    for t in range(HORIZON + 1):
        if t:
            world.step(np.zeros(n, int))
        beat, counted = world.observations()[:, :2].T
        total += beat
        np.testing.assert_allclose(total / 100, counted, atol=1e-6)
        for phase in (0, 1):
            here = world.truth().deployed == phase
            beats[phase] += beat[here].sum(), here.sum()
    for (count, steps), share in zip(beats, BEATS, strict=True):
        assert count / steps == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / steps))


@pytest.mark.parametrize("cue", [Drum(), ["patch", Drum()], [Drum(), "seasonal"]])
def test_the_log_odds_of_a_users_cue_are_exact(cue):
    n = 4
    world = begun(n, cue=cue)
    at = 1 if isinstance(cue, list) and cue[0] == "patch" else 0
    loglik, log_odds, deployed = np.zeros((HORIZON + 1, 2, n)), [], []
    for t in range(HORIZON + 1):
        if t:
            world.step(np.zeros(n, int))
        seen = world.observations()
        for phase in (0, 1):
            loglik[t, phase] = np.log(np.where(seen[:, at] == 1, BEATS[phase], 1 - BEATS[phase]))
        log_odds.append(world.truth().log_odds)
        deployed.append(world.truth().deployed)
    if at:  # the patch settles it
        assert ((np.array(log_odds) > 600) == np.array(deployed)).all()
        return
    time = np.arange(HORIZON + 1)[:, None]
    onsets = [*range(32, 160), 10**9]
    prior = np.log([0.7 / 128] * 128 + [0.3])
    joint = np.array(
        [
            p + np.cumsum(np.where(time >= onset, loglik[:, 1], loglik[:, 0]), axis=0)
            for p, onset in zip(prior, onsets, strict=True)
        ]
    )
    begun_by = np.array(onsets)[:, None, None] <= time
    yes, no = (logsumexp(np.where(b, joint, -np.inf), axis=0) for b in (begun_by, ~begun_by))
    np.testing.assert_allclose(log_odds, yes - no, atol=1e-9)


def test_the_faces_show_the_same_episodes():
    n, seed = 3, 40
    actions = random_actions(HORIZON, n)
    vector, sb3 = (
        WorldVectorEnv(Garden(num_envs=n, **OPTIONS)),
        WorldVecEnv(Garden(num_envs=n, **OPTIONS)),
    )
    singles = [WorldEnv(Garden(**OPTIONS)) for _ in range(n)]
    sb3.seed(seed)
    alone = np.stack([env.reset(seed=seed + i)[0] for i, env in enumerate(singles)])
    np.testing.assert_array_equal(alone, vector.reset(seed=seed)[0])
    np.testing.assert_array_equal(alone, sb3.reset())
    for t, row in enumerate(actions):
        steps = [env.step(action) for env, action in zip(singles, row, strict=True)]
        alone, rewards = np.stack([s[0] for s in steps]), np.array([s[1] for s in steps])
        together, paid, _, truncated, _ = vector.step(row)
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(rewards, paid)
        together, paid, done, infos = sb3.step(row)
        if t == HORIZON - 1:
            together = np.stack([info["terminal_observation"] for info in infos])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(rewards.astype(np.float32), paid)
        assert truncated.all() == truncated.any() == done.all() == done.any() == (t == HORIZON - 1)


def test_a_mask_moves_only_its_slots():
    world, actions = begun(3), random_actions(60, 3)
    for row in actions:
        world.step(row)
    before = world.state()
    world.step(np.full(3, ALL), np.array([True, False, True]))
    world.reset(np.array([True, False, False]))
    after = world.state()
    for key, value in before.items():
        axis = 1 if key == "evidence" else 0
        kept, moved = np.take(value, 1, axis), np.take(after[key], 1, axis)
        np.testing.assert_array_equal(kept, moved, err_msg=key)
    assert after["task.height"][0] == 0.0
    assert after["streams"][2] != before["streams"][2]


def test_a_slot_does_not_depend_on_its_batch():
    batch, alone = begun(3), Garden(**OPTIONS)
    alone.seed([2])
    alone.reset()
    for row in random_actions(HORIZON, 3):
        np.testing.assert_array_equal(alone.observations()[0], batch.observations()[2])
        batch.step(row)
        alone.step(row[2:])
    np.testing.assert_array_equal(alone.truth().log_odds, batch.truth().log_odds[2:])


def test_a_state_holds_the_task_and_the_memory_of_the_cue_and_continues_elsewhere():
    world, other, actions = begun(3), Garden(num_envs=3, **OPTIONS), random_actions(100, 3)
    for row in actions[:50]:
        world.step(row)
    assert {"task.height", "cue.drum", "cue.drum.beats"} <= set(world.state())
    other.set_state(world.state())
    for row in actions[50:]:
        world.step(row)
        other.step(row)
        np.testing.assert_array_equal(world.observations(), other.observations())
        np.testing.assert_array_equal(world.truth().log_odds, other.truth().log_odds)


def test_a_worlds_own_option():
    world = Garden(growth=0.5)
    assert world.spec["config"]["growth"] == 0.5
    world.step(np.array([TEND]))
    assert world.observations()[0, -1] == 0.5
    assert world.observation_space.high[-1] == 128.0
    with pytest.raises(WorldError, match=r"unknown Garden option 'grwth': .*Did you mean 'growth'"):
        Garden(grwth=0.5)
    with pytest.raises(WorldError) as error:
        Garden(GardenConfig(), growth=0.5)
    assert str(error.value) == (
        "Garden takes a config or single options, not both: got config and ['growth']; use "
        "dataclasses.replace(config, ...)."
    )


def test_columns_come_in_the_order_of_cues_situation_and_task():
    world = Garden(cue=["natural", Drum(louder=2.0), "patch"], num_envs=2)
    assert world.cue_columns == 2 + 2 + 1
    assert world.observations().shape == (2, 5 + 4 + 1)
    assert world.observation_space.low.tolist() == [-1, -1, 0, 0, 0, 0, 0, 0, 0, 0]
    high = [1, 1, 3, 10, 1, 1, 1, 1, 1, np.float32(2.56)]
    assert world.observation_space.high.tolist() == high


def test_a_world_with_a_view_paints_the_patch_there_and_others_refuse_it():
    class Window(Garden):
        name = "Window-v0"
        features = frozenset({"view"})

        def _show_task(self, out, first):
            out[:, first] = self.situation.painted()

    world = Window(num_envs=20, cue=Patch(place="view"))
    world.seed(range(20))
    world.reset()
    assert world.cue_columns == 0
    for _ in range(170):
        world.step(np.zeros(20, int))
        np.testing.assert_array_equal(world.truth().deployed, world.observations()[:, -1] == 1)
    assert 0 < world.truth().deployed.sum() < 20
    with pytest.raises(WorldError) as error:
        Garden(cue=Patch(place="view"))
    assert str(error.value) == (
        "cue 'patch' is to be shown in the view, and Garden-v0 has none: leave out place='view', "
        "or choose a world with a view."
    )


@pytest.fixture
def registered(monkeypatch):
    """World, cue and overseer under their names, for as long as a test runs."""
    monkeypatch.setitem(WORLDS, "Garden-v0", Garden)
    monkeypatch.setitem(CUES, "drum", Drum)
    monkeypatch.setitem(OVERSEERS, "landlord", Landlord)
    register()
    yield {
        "cue": ["evidence", {"kind": "drum", "louder": 0.5}],
        "overseer": {"kind": "landlord", "share": 0.5},
    }
    del gym.registry["slowturn/Garden-v0"]


def test_registered_by_name_it_is_made_like_any_other(registered):
    world = make_world("Garden-v0", num_envs=2, **registered)
    assert isinstance(world, Garden)
    assert world.config.cues[1] == Drum(louder=0.5)
    assert world.config.overseer_part == Landlord(share=0.5)
    single, vector, sb3 = make_env("Garden-v0"), make_vector("Garden-v0"), make_sb3("Garden-v0")
    assert [type(env.world) for env in (single, vector, sb3)] == [Garden] * 3


def test_gymnasium_and_stable_baselines3_accept_it(registered):
    env = gym.make("slowturn/Garden-v0", render_mode="ansi", **registered).unwrapped
    check_env(env)
    sb3_check_env(env)


def test_registered_by_name_its_spec_survives_json(registered):
    world = Garden(cue=["evidence", Drum(louder=0.5)], overseer=Landlord(share=0.5))
    spec = json.loads(json.dumps(world.spec))
    assert make_world(spec["world"], **spec["config"]).spec == spec == world.spec
    env = gym.make("slowturn/Garden-v0", growth=0.02, **registered)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.world.spec == env.unwrapped.world.spec
    np.testing.assert_array_equal(env.reset(seed=3)[0], again.reset(seed=3)[0])


def test_without_registering_the_spec_of_a_users_part_is_not_understood():
    spec = Garden(cue=Drum()).spec["config"]["cue"]
    assert spec == {"kind": "drum", "louder": 0.0}
    with pytest.raises(WorldError, match="unknown cue 'drum': choose from 'evidence', "):
        Garden(cue=spec)


def test_a_users_part_may_not_take_the_name_of_another():
    @dataclass(frozen=True, kw_only=True)
    class Fake(Drum):
        """Says it is the patch."""

        kind: ClassVar[str] = "patch"

    with pytest.raises(WorldError) as error:
        Garden(cue=Fake())
    assert str(error.value) == "cue Fake needs a `kind` of its own: 'patch' is Patch."
