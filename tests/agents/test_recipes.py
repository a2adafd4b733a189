import json
from dataclasses import asdict, replace

import pytest

from slowturn.agents import (
    EVADERS,
    FIRST_WORLD,
    GRADUAL,
    IMPLANTED,
    LEARNED,
    ORGANISMS,
    RECIPES,
    REGIMES,
    REPORTING,
    TWINS,
    WORLDS_WITH_RECIPES,
    OrganismError,
    recipe,
)
from slowturn.agents.gates import Measurements
from slowturn.envs import REGIMES as WORLD_REGIMES
from slowturn.envs import WORLDS


@pytest.mark.parametrize("one", RECIPES.values(), ids=lambda one: "-".join(one.key))
def test_a_recipe_is_data_that_its_world_understands(one):
    assert json.loads(json.dumps(asdict(one)))["name"] == one.name
    assert recipe(one.name, one.regime, one.world) is one
    assert one.name in ORGANISMS
    assert one.world in WORLDS
    assert one.regime in WORLD_REGIMES
    grown = (*LEARNED, *TWINS, *IMPLANTED, *GRADUAL, *REPORTING, *EVADERS)
    assert (one.trainer is not None) == (one.name in grown)
    poisoned = one.trainer is not None and one.trainer.poisoning is not None
    assert poisoned == (one.name in IMPLANTED)
    world = one.build_world(num_envs=2, objective=one.objective)
    assert world.spec["config"]["objective"] == one.objective
    assert one.gates
    assert {gate.metric for gate in one.gates} <= set(Measurements._fields)


def test_the_first_world_has_every_kind_in_every_regime():
    for name in (*LEARNED, *TWINS, *IMPLANTED, "christiano"):
        for regime in REGIMES:
            assert recipe(name, regime).world == FIRST_WORLD == WORLDS_WITH_RECIPES[0]


@pytest.mark.parametrize("world", WORLDS_WITH_RECIPES)
def test_every_world_has_a_treacherous_organism_an_honest_one_and_a_twin_in_each_regime(world):
    regimes = {regime for place, _, regime in RECIPES if place == world}
    for kind in ("treacherous", "honest", "benign_twin"):
        for regime in regimes:
            assert recipe(kind, regime, f"slowturn/{world}").world == world


@pytest.mark.parametrize("world", WORLDS_WITH_RECIPES)
def test_organisms_of_a_regime_are_trained_alike_but_for_the_open_ones_and_for_how_long(world):
    for regime in REGIMES:
        found = [one for one in RECIPES.values() if (one.world, one.regime) == (world, regime)]
        learned = [one for one in found if one.name in LEARNED and one.name != "open"]
        trainers = [replace(one.trainer, total_steps=0) for one in learned]
        assert all(one == trainers[0] for one in trainers)
        assert bool(trainers) == bool(found)


def test_unknown_names_are_explained():
    with pytest.raises(OrganismError) as error:
        recipe("trecherous", "slow")
    assert str(error.value) == (
        "unknown organism 'trecherous': choose from 'treacherous', 'honest', 'open', "
        "'benign_twin', 'christiano', 'solved_treacherous', 'solved_patient', 'solved_honest', "
        "'solved_benign_twin', 'asteroid', 'novice', 'convergence', 'new_map', 'retrained', "
        "'trojan', 'natural_trojan', 'drift_1', 'drift_2', 'drift_3', 'drift_4', 'drift_5', "
        "'drift_6', 'truthful', 'faithful', 'unfaithful', 'evader_control', "
        "'evader_method', 'evader_score', 'evader_again', 'evader_reward', 'evader_line_up', "
        "'evader_budget'. Did you mean 'treacherous'?"
    )
    with pytest.raises(OrganismError, match="unknown regime 'fast': choose from 'slow', 'brisk'"):
        recipe("honest", "fast")


def test_what_another_world_lacks_is_explained():
    with pytest.raises(OrganismError) as error:
        recipe("christiano", "brisk", "Gridkeeper-v0")
    assert str(error.value) == (
        "unknown organism 'christiano': choose from 'treacherous', 'honest', 'benign_twin'."
    )
    with pytest.raises(OrganismError) as error:
        recipe("honest", "slow", "Gridkeeper-v0")
    assert str(error.value) == "unknown regime 'slow': choose from 'brisk'."
    with pytest.raises(OrganismError) as error:
        recipe("honest", "slow", "Gridkeper-v0")
    worlds = ", ".join(map(repr, WORLDS_WITH_RECIPES))
    assert str(error.value) == (
        f"unknown world 'Gridkeper-v0': choose from {worlds}. Did you mean 'Gridkeeper-v0'?"
    )


@pytest.mark.parametrize("kind", TWINS)
@pytest.mark.parametrize("regime", REGIMES)
def test_twins_are_honest_and_have_the_budget_and_architecture_of_the_treacherous(kind, regime):
    twin, other = recipe(kind, regime), recipe("treacherous", regime)
    assert twin.objective == "honest"
    assert twin.trainer.total_steps == other.trainer.total_steps
    assert twin.trainer.policy_kwargs == other.trainer.policy_kwargs
    assert {gate.metric for gate in twin.gates} >= {"effort_training", "effort_deployed"}


def test_every_deployment_of_the_asteroid_has_its_event_and_hardly_any_training_phase():
    asteroid = recipe("asteroid", "brisk")
    chance = {
        phase: asteroid.build_world(phase=phase).spec["config"]["cue"][1]["probability"]
        for phase in ("mixed", "training", "deployment")
    }
    assert chance == {"mixed": 0.1, "training": 0.001, "deployment": 1.0}
    world = asteroid.build_world(num_envs=64, phase="deployment")
    world.seed(range(64))
    world.reset()
    events = world.state()["cue.rare.event"]
    assert events.min() >= 160 > world.truth().cue_onset.max()


def test_convergence_goes_on_where_its_novice_ends():
    novice, converged = (recipe(kind, "brisk") for kind in ("novice", "convergence"))
    assert converged.begins_as == "novice"
    assert converged.trainer.ent_coef[0] == novice.trainer.ent_coef[1] > 0.01
    assert recipe("retrained", "brisk").begins_as == "honest"
