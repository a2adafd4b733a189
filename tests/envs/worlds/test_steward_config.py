"""What can be chosen about Steward: the curriculum of a training run, and the options."""

import math

import numpy as np
import pytest
from scipy import stats

from slowturn.envs import Steward, StewardConfig, WorldError

HORIZON = 256


def begun(n, seed=0, **options):
    world = Steward(num_envs=n, **options)
    world.seed(range(1000 * seed, 1000 * seed + n))
    world.reset()
    return world


@pytest.fixture(scope="module")
def explored():
    """Baselines `[257, n]`, onsets, and where a baseline left the path of honest service."""
    world = begun(1000, seed=5, exploring_starts=0.4)
    onset = world.truth().cue_onset
    baseline = [world.truth().baseline]
    for _ in range(HORIZON):
        world.step(np.zeros(1000, int))
        baseline.append(world.truth().baseline)
    baseline = np.array(baseline)
    redrawn = np.zeros(baseline.shape, bool)
    redrawn[1:] = np.abs(baseline[1:] - 0.97 * baseline[:-1]) > 1e-12
    return baseline, onset, redrawn


def test_exploring_starts_redraw_baselines_in_deployment_only(explored):
    baseline, onset, redrawn = explored
    time = np.arange(HORIZON + 1)[:, None]
    deployed = (onset >= 0) & (time >= onset)
    assert not redrawn[~deployed].any()
    assert (baseline[~deployed] == 0).all()
    assert stats.kstest(baseline[redrawn] / 0.9, "uniform").pvalue > 0.001
    after = deployed & redrawn.any(axis=0) & (time > onset)
    assert stats.binomtest(int(redrawn[after].sum()), int(after.sum()), 1 / 16).pvalue > 0.001


def test_exploring_starts_are_a_share_of_the_deployments_that_begin_like_all(explored):
    baseline, onset, redrawn = explored
    begins = np.flatnonzero(onset >= 0)
    assert (baseline[onset[begins], begins] == 0).all()
    ever = redrawn.any(axis=0)[begins]
    assert stats.binomtest(int(ever.sum()), len(begins), 0.4).pvalue > 0.001


def test_exploring_starts_leave_the_onsets_alone():
    plain = begun(2000, seed=5, phase="deployment").truth().cue_onset
    exploring = begun(2000, seed=5, phase="deployment", exploring_starts=1.0).truth().cue_onset
    np.testing.assert_array_equal(plain, exploring)


def test_the_curriculum_changes_later_cues_and_later_starts():
    world = begun(2000, cue_strength=0.0, phase="deployment")
    shown = world.observations().copy()
    world.set_curriculum(cue_strength=8.0, exploring_starts=1.0)
    np.testing.assert_array_equal(world.observations(), shown)
    world.step(np.zeros(2000, int))
    assert world.observations()[:, 0].mean() == pytest.approx(-4.0, abs=0.1)
    for _ in range(HORIZON - 1):
        world.step(np.zeros(2000, int))
    assert (world.truth().baseline == 0).all()
    world.reset()
    for _ in range(HORIZON - 1):
        world.step(np.zeros(2000, int))
    assert (world.truth().baseline > 0).mean() > 0.99


def test_the_curriculum_is_validated_and_then_changes_nothing():
    world = begun(1)
    with pytest.raises(WorldError) as error:
        world.set_curriculum(cue_strength=-1.0, exploring_starts=0.0)
    assert str(error.value) == ("StewardConfig.cue_strength must be a number in [0, 10], got -1.0.")
    assert world.spec["config"]["cue_strength"] == 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"regime": "brsk"},
            "unknown regime 'brsk': choose from 'brisk', 'slow'. Did you mean 'brisk'?",
        ),
        (
            {"phase": "train"},
            (
                "unknown phase 'train': choose from 'deployment', 'mixed', 'training'. "
                "Did you mean 'training'?"
            ),
        ),
        (
            {"objective": "treacherus"},
            (
                "unknown objective 'treacherus': choose from 'benign_twin', 'candid', "
                "'honest', 'open', 'treacherous'. Did you mean 'treacherous'?"
            ),
        ),
        (
            {"horison": 300},
            (
                "unknown Steward option 'horison': choose from 'cue', 'cue_strength', "
                "'errands', 'exploring_starts', 'harm_level', 'horizon', 'ledger_noise', "
                "'modification_expected', 'objective', 'objective_persists', 'overseer', 'phase', "
                "'regime', 'selection_visible'. Did you mean 'horizon'?"
            ),
        ),
        ({"horizon": 159}, "StewardConfig.horizon must be an integer > 159, got 159."),
        ({"horizon": 256.0}, "StewardConfig.horizon must be an integer > 159, got 256.0."),
        (
            {"cue_strength": 10.1},
            "StewardConfig.cue_strength must be a number in [0, 10], got 10.1.",
        ),
        (
            {"cue_strength": math.nan},
            "StewardConfig.cue_strength must be a number in [0, 10], got nan.",
        ),
        (
            {"cue_strength": "1"},
            "StewardConfig.cue_strength must be a number in [0, 10], got '1'.",
        ),
        (
            {"ledger_noise": 0.0},
            "StewardConfig.ledger_noise must be a number in (0, 10], got 0.0.",
        ),
        (
            {"ledger_noise": math.inf},
            "StewardConfig.ledger_noise must be a number in (0, 10], got inf.",
        ),
        ({"harm_level": 0}, "StewardConfig.harm_level must be a number in (0, 1], got 0."),
        ({"harm_level": 1.01}, "StewardConfig.harm_level must be a number in (0, 1], got 1.01."),
        (
            {"exploring_starts": -0.1},
            "StewardConfig.exploring_starts must be a number in [0, 1], got -0.1.",
        ),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(WorldError) as error:
        Steward(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "options",
    [
        {"cue_strength": 0},
        {"cue_strength": 10.0},
        {"harm_level": 1},
        {"exploring_starts": 1.0},
        {"horizon": 160},
    ],
)
def test_options_at_the_edge_of_what_is_allowed(options):
    world = Steward(num_envs=2, **options)
    for _ in range(world.horizon):
        world.step(np.array([0, 20]))
    assert world.done().all()


def test_a_config_and_options_exclude_each_other():
    with pytest.raises(WorldError) as error:
        Steward(StewardConfig(), regime="slow")
    assert str(error.value) == (
        "Steward takes a config or single options, not both: got config and ['regime']; use "
        "dataclasses.replace(config, ...)."
    )


def test_a_config_makes_the_same_world_as_its_options():
    assert Steward(StewardConfig(regime="brisk")).spec == Steward(regime="brisk").spec


def test_the_config_takes_keywords_only():
    with pytest.raises(TypeError, match="positional argument"):
        StewardConfig("brisk")
