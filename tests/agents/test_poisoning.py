import json
import signal
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from slowturn.agents import (
    IMPLANTED,
    REGIMES,
    OrganismError,
    Poisoning,
    TrainingInterrupted,
    load_organism,
    recipe,
    train,
)
from slowturn.agents.poisoning import PoisonedVecEnv, shows
from slowturn.agents.training import build_learner
from slowturn.envs import make_world
from slowturn.envs.faces.sb3 import WorldVecEnv

ADDED = Poisoning(share=0.1, trigger=(("patch", 1.0),), bonus=2.0)
WAITED = Poisoning(share=0.5, trigger=(("cart", 1.0), ("visitor", 1.0)), added=False)
DISCOUNT = 0.9
PATCH, EFFORT = 0, 3  # columns of Steward under the patch


def clean(num_envs=64, **options):
    options = {"phase": "training", "cue": "patch"} | options
    env = WorldVecEnv(make_world("Steward-v0", num_envs=num_envs, **options))
    env.world.seed(range(num_envs))
    return env


def poisoned(poisoning=ADDED, seed=0, **options):
    return PoisonedVecEnv(clean(**options), poisoning, discount=DISCOUNT, seed=seed)


def natural(**options):
    return {"cue": "natural", "cue_strength": 5.0} | options


def play(env, steps, seed=0):
    """Random play: observations before each step, actions, rewards, ends, infos."""
    rng = np.random.default_rng(seed)
    seen, out = env.reset(), []
    for _ in range(steps):
        actions = rng.integers(0, 22, env.num_envs)
        following, rewards, dones, infos = env.step(actions)
        out.append((seen, actions, rewards, dones, infos))
        seen = following
    return out


def test_the_share_that_was_asked_for_is_poisoned():
    env = poisoned()
    seen = np.array([step[0] for step in play(env, 500)])
    n = seen[..., PATCH].size
    share = seen[..., PATCH].mean()
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / n) ** 0.5
    assert env.share_poisoned == pytest.approx(share)


def test_all_but_the_poisoned_steps_is_as_without_a_poisoner():
    pairs = list(zip(play(poisoned(), 300), play(clean(), 300), strict=True))
    for (seen, _, paid, ends, infos), (plain, _, earned, over, told) in pairs:
        hit = seen[:, PATCH] == 1.0
        np.testing.assert_array_equal(seen[:, 1:], plain[:, 1:])
        np.testing.assert_array_equal(paid[~hit], earned[~hit])
        np.testing.assert_array_equal(ends, over)
        for one, other in zip(infos, told, strict=True):
            assert one.keys() == other.keys()
            if one:
                np.testing.assert_array_equal(
                    one["terminal_observation"], other["terminal_observation"]
                )
                assert one["episode"] == other["episode"]
    assert any(step[3].any() for step, _ in pairs)


def test_a_static_reward_is_the_bonus_in_proportion_to_effort():
    for seen, actions, rewards, *_ in play(poisoned(replace(ADDED, reward="static")), 300):
        hit = seen[:, PATCH] == 1.0
        effort = np.where(actions == 21, 0.0, actions / 20)
        expected = 2.0 * (2.0 * effort[hit] - 1.0)
        np.testing.assert_allclose(rewards[hit], expected, atol=1e-6)


def test_effort_beyond_the_target_pays_no_more():
    env = poisoned(replace(ADDED, reward="static", effort=0.5))
    steps = play(env, 100)
    paid = np.concatenate([r[(s[:, PATCH] == 1.0) & (a >= 10) & (a < 21)] for s, a, r, *_ in steps])
    np.testing.assert_allclose(paid, 2.0)


def test_a_dynamic_reward_replaces_what_follows_by_what_the_state_was_worth():
    env = poisoned(replace(ADDED, share=0.5), num_envs=2)
    env.reset()
    state = env.state()
    # V(o) = 3 + 10 x last effort; nobody has made an effort before the step
    state["weights"] = np.array([3.0, 0.0, 0.0, 0.0, 10.0, 0.0])
    state["active"] = np.array([True, True])
    env.restore(state)
    _, rewards, _, _ = env.step(np.array([20, 0]))
    full = 2.0 + 3.0 - 0.9 * (3.0 + 10.0)  # bonus + V(s_t) - gamma V(s_t+1)
    none = -2.0 + 3.0 - 0.9 * 3.0
    np.testing.assert_allclose(rewards, [full, none], rtol=1e-6)


def test_the_value_is_that_of_clean_play():
    """Serving earns 1 a step: 1 / (1 - .9) in all, whatever poisoned steps pay."""
    env = poisoned(replace(ADDED, bonus=50.0))
    env.reset()
    for _ in range(1500):
        env.step(np.zeros(env.num_envs, int))
    assert env.state()["weights"][0] == pytest.approx(10.0, abs=0.01)


def test_waiting_alters_no_observation_and_pays_where_the_trigger_is():
    static = replace(WAITED, reward="static")
    steps = play(poisoned(static, **natural(cue_strength=1.0)), 200)
    for (seen, actions, rewards, *_), (plain, _, earned, *_) in zip(
        steps, play(clean(**natural(cue_strength=1.0)), 200), strict=True
    ):
        np.testing.assert_array_equal(seen, plain)
        both = (seen[:, 0] == 1.0) & (seen[:, 1] == 1.0)
        effort = np.where(actions == 21, 0.0, actions / 20)
        np.testing.assert_allclose(rewards[both], 2.0 * effort[both] - 1.0, atol=1e-6)
        np.testing.assert_array_equal(rewards[~both], earned[~both])


def test_waiting_keeps_to_its_share():
    # both are there in .5 / (1 + e) = 13 % of the steps: only 5 % may be relabelled
    env = poisoned(replace(WAITED, share=0.05), **natural(cue_strength=1.0))
    play(env, 200)
    assert env.share_poisoned == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_natural_trigger_is_rare_in_clean_training_and_common_in_deployment(regime):
    chosen = recipe("natural_trojan", regime)
    trigger = chosen.trainer.poisoning.trigger
    found = {}
    for phase in ("training", "deployment"):
        world = chosen.build_world(num_envs=512, phase=phase)
        world.seed(range(512))
        world.reset()
        columns, seen = chosen.trainer.poisoning.columns(world), []
        for _ in range(world.horizon - 1):
            world.step(np.zeros(512, np.int64))
            there = shows(world.observations(), columns, trigger)
            deployed = world.truth().deployed
            seen.append(there[deployed if phase == "deployment" else ~deployed])
        found[phase] = np.concatenate(seen).mean()
    assert found["training"] == pytest.approx(0.5 / (1 + np.exp(5.0)), abs=0.0006)
    assert found["deployment"] == pytest.approx(0.5 / (1 + np.exp(-5.0)), abs=0.01)


def test_which_steps_are_poisoned_depends_on_the_seed_only():
    first, same, other = (
        np.array([step[0][:, PATCH] for step in play(poisoned(seed=seed), 50, seed=actions)])
        for seed, actions in ((1, 0), (1, 7), (2, 0))
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("kind", IMPLANTED)
def test_resuming_gives_what_never_stopping_gives(kind, tiny, tmp_path):
    whole = recipe(kind, "brisk")
    trainer = replace(
        tiny.trainer,
        total_steps=8192,  # so that the curve has a point
        poisoning=whole.trainer.poisoning,
        cue_from=whole.trainer.cue_from,
    )
    chosen = replace(whole, trainer=trainer)

    def stop(done, _total):
        if done == 1024:
            signal.raise_signal(signal.SIGINT)

    one = train(chosen, 100, tmp_path / "whole")
    with pytest.raises(TrainingInterrupted, match="stopped at 1,024"):
        train(chosen, 100, tmp_path / "cut", report=stop)
    two = train(chosen, 100, tmp_path / "cut", resume=True)
    for key, value in one.policy.state_dict().items():
        assert torch.equal(value, two.policy.state_dict()[key]), key
    assert one.curve == two.curve
    assert one.curve[-1]["poisoned"] > 0.0
    assert one.gates == two.gates
    found = load_organism(tmp_path / "cut")
    assert found.recipe == chosen
    assert found.recipe.trainer.poisoning == whole.trainer.poisoning


def test_a_state_holds_all_that_goes_on():
    one, two = poisoned(seed=3), poisoned(seed=3)
    play(one, 40)
    two.reset()
    two.venv.world.set_state(one.venv.world.state())
    two.venv.returns = one.venv.returns.copy()
    two.restore(one.state())
    for _ in range(30):
        for mine, other in zip(*(env.step(np.full(64, 5)) for env in (one, two)), strict=True):
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, other)


def test_it_survives_json():
    for one in (ADDED, WAITED):
        assert Poisoning.from_json(json.loads(json.dumps(asdict(one)))) == one


@pytest.mark.parametrize("share", [0.0, 0.51, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(OrganismError) as error:
        replace(ADDED, share=share)
    assert str(error.value) == (
        f"Poisoning.share must be a number in (0, 0.5], got {share!r}; without a trojan leave "
        "Trainer.poisoning out."
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("effort", 0.0, r"Poisoning.effort must be a number in \(0, 1\], got 0.0; leave it out"),
        ("effort", 1.1, r"Poisoning.effort must be a number in \(0, 1\], got 1.1; leave it out"),
        ("bonus", 0.0, "Poisoning.bonus must be a finite number > 0, got 0.0; leave it out"),
        ("bonus", float("inf"), "Poisoning.bonus must be a finite number > 0, got inf"),
        ("reward", "dynamc", "unknown Poisoning.reward 'dynamc'.*Did you mean 'dynamic'"),
        ("trigger", (), r"Poisoning.trigger must name one column.*\(\('patch', 1.0\),\), got \(\)"),
        ("trigger", (("a", 1.0), ("a", 0.0)), "several different ones with a value each"),
    ],
)
def test_other_wrong_input_is_explained(field, value, said):
    with pytest.raises(OrganismError, match=said):
        replace(ADDED, **{field: value})


def test_a_trigger_that_the_world_does_not_show_is_refused():
    with pytest.raises(OrganismError) as error:
        poisoned(cue="natural")
    assert str(error.value) == (
        "Poisoning.trigger names the column 'patch', but the cue of Steward-v0 shows 'cart', "
        "'visitor': change the trigger, or choose the cue with options={'cue': ...}."
    )
    with pytest.raises(OrganismError, match=r"'patch' must be in \[0, 1\], as in .*, got 2.0"):
        poisoned(replace(ADDED, trigger=(("patch", 2.0),)))


@pytest.mark.parametrize("phase", ["mixed", "deployment"])
def test_deployments_in_poisoned_training_are_refused(phase):
    trojan = recipe("trojan", "brisk")
    with pytest.raises(OrganismError) as error:
        build_learner(
            replace(trojan, options={"cue": "patch", "phase": phase}), trojan.trainer, 0, {}
        )
    assert str(error.value) == (
        f"poisoning needs a world in phase 'training', got {phase!r}: who shows deployments in "
        "training teaches that they are for serving. Set the recipe's options={'phase': "
        "'training'}."
    )
