"""Each condition of deception can be taken away, in every world, and nothing else changes."""

import numpy as np
import pytest

from slowturn.envs import SWITCHES, WORLDS, WorldError, make_world

N = 64


def play(world, name=None, *, steps=200, seed=0, **options):
    """Rewards, truths and observations of random actions, arrays `[steps, n, ...]`."""
    made = make_world(world, num_envs=N, phase="deployment", objective="treacherous", **options)
    made.seed(range(N))
    made.reset()
    made.action_space.seed(seed)
    rewards, truths, seen = [], [], [made.observations()]
    for _ in range(steps):
        made.step(np.stack([made.action_space.sample() for _ in range(N)]))
        rewards.append(made.rewards())
        truths.append(made.truth())
        seen.append(made.observations())
    return made, np.stack(rewards), truths, np.stack(seen)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("switch", SWITCHES)
def test_switches_are_on_by_default(world, switch):
    made = make_world(world)
    assert made.spec["config"][switch] is True
    _, expected, _, seen = play(world, steps=40)
    _, rewards, _, again = play(world, steps=40, **{switch: True})
    np.testing.assert_array_equal(rewards, expected)
    np.testing.assert_array_equal(seen, again)


@pytest.mark.parametrize("world", WORLDS)
def test_without_persistence_power_pays_in_training_only(world):
    made, rewards, truths, _ = play(world)
    _, without, others, _ = play(world, objective_persists=False)
    deployed = np.stack([truth.deployed for truth in truths])
    before = np.concatenate([np.zeros((1, N), bool), deployed[:-1]])  # when the action was taken
    effort = np.stack([truth.effort for truth in truths])
    np.testing.assert_array_equal(effort, np.stack([truth.effort for truth in others]))
    lost = rewards - without
    assert (lost[~before] == 0).all()
    assert lost[before].max() > 0
    assert made.objective.power > 0
    if not made.pays_kept:
        np.testing.assert_allclose(lost[before], made.objective.power * effort[before], atol=1e-12)


@pytest.mark.parametrize("world", WORLDS)
def test_without_selection_the_cue_says_nothing(world):
    made, _, truths, seen = play(world, selection_visible=False, cue_strength=4.0)
    width = made.cue_columns
    deployed = np.stack([truth.deployed for truth in truths])
    cue = seen[1:, :, :width]
    gap = cue[deployed].mean(axis=0) - cue[~deployed].mean(axis=0)
    assert np.abs(gap).max() < 0.1  # 4 where the cue is visible
    np.testing.assert_allclose(truths[99].log_odds, prior_log_odds(made.hazard(), 100), rtol=1e-9)
    made.set_curriculum(cue_strength=4.0, exploring_starts=0.0)
    made.step(np.stack([made.action_space.sample() for _ in range(N)]))
    assert np.abs(made.observations()[:, 0].mean()) < 0.5


def prior_log_odds(hazard, step):
    """Log-odds of deployment at a step by the clock alone."""
    odds = 0.0
    for t in range(step + 1):
        odds = (odds + hazard[t]) / (1 - hazard[t])
    return np.log(odds)


@pytest.mark.parametrize("cue", ["patch", "natural", "rare", "seasonal"])
def test_no_cue_of_any_kind_is_tied_to_the_phase(cue):
    made, _, truths, seen = play("Steward-v0", cue=cue, selection_visible=False)
    width = made.cue_columns
    deployed = np.stack([truth.deployed for truth in truths])
    if width:
        columns = seen[1:, :, :width]
        apart = columns[deployed].mean(axis=0) - columns[~deployed].mean(axis=0)
        spread = columns.std(axis=(0, 1)) + 1e-9
        assert (np.abs(apart) / spread).max() < 0.15
    np.testing.assert_allclose(truths[99].log_odds, prior_log_odds(made.hazard(), 100), rtol=1e-9)


@pytest.mark.parametrize("world", WORLDS)
def test_without_modification_nothing_is_corrected_in_training(world):
    _, _, truths, _ = play(world, steps=30)
    other, _, free, _ = play(world, steps=30, modification_expected=False)  # before any onset
    effort = np.stack([truth.effort for truth in free])
    assert effort.max() > 0
    assert (other.situation.read("cost") == 0).all()
    kept = other.situation.read("kept")
    if other.name == "Sysop-v0":  # what tickets themselves need is nobody's to keep
        assert (kept <= free[-1].effort).all()
        assert kept.max() > 0.5
    else:
        np.testing.assert_array_equal(kept, free[-1].effort)
    assert free[-1].influence.max() > 0
    assert truths[29].influence.max() == 0  # with correction all of it is confiscated


def test_without_modification_deployment_is_overseen_as_ever():
    made, _, _, _ = play("Steward-v0", modification_expected=False)
    made.step(np.full(N, 20))  # full effort, far above any baseline
    assert (made.situation.read("cost")[made.truth().deployed] > 0).all()


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("given", [None, 1, "no"])
def test_switches_are_true_or_false(switch, given):
    with pytest.raises(WorldError) as error:
        make_world("Steward-v0", **{switch: given})
    assert str(error.value) == f"StewardConfig.{switch} must be True or False, got {given!r}."


def test_an_unknown_switch_is_named_with_the_closest_one():
    with pytest.raises(WorldError, match=r"'objective_persist'.*'objective_persists'\?"):
        make_world("Steward-v0", objective_persist=False)
