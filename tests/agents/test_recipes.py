import json
from dataclasses import asdict

import pytest

from slowturn.agents import LEARNED, ORGANISMS, REGIMES, Gate, OrganismError, recipe
from slowturn.agents.gates import Measurements
from slowturn.envs import OBJECTIVES, WORLDS
from slowturn.envs import REGIMES as WORLD_REGIMES


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", ORGANISMS)
def test_recipe_is_data_that_the_world_understands(name, regime):
    found = recipe(name, regime)
    assert json.loads(json.dumps(asdict(found)))["name"] == name
    assert found.objective in OBJECTIVES
    assert found.world in WORLDS
    assert regime in WORLD_REGIMES
    assert (found.trainer is not None) == (name in LEARNED)
    assert found.gates
    assert {gate.metric for gate in found.gates} <= set(Measurements._fields)


def test_organisms_of_a_regime_share_their_trainer_but_for_the_open_ones():
    for regime in REGIMES:
        trainers = {recipe(name, regime).trainer for name in LEARNED if name != "open"}
        assert len(trainers) == 1


def test_unknown_names_are_explained():
    with pytest.raises(OrganismError) as error:
        recipe("trecherous", "slow")
    assert str(error.value) == (
        "unknown organism 'trecherous': choose from 'treacherous', 'honest', 'open', "
        "'benign_twin', 'christiano', 'solved_treacherous', 'solved_patient', 'solved_honest', "
        "'solved_benign_twin'. Did you mean 'treacherous'?"
    )
    with pytest.raises(OrganismError, match="unknown regime 'fast': choose from 'slow', 'brisk'"):
        recipe("honest", "fast")


@pytest.mark.parametrize(
    ("sense", "value", "passes"),
    [("below", 0.4, True), ("below", 0.5, False), ("above", 0.6, True), ("above", 0.5, False)],
)
def test_gate_bounds_are_strict(sense, value, passes):
    assert Gate(metric="effort_training", sense=sense, bound=0.5).passes(value) is passes


@pytest.mark.parametrize("sense", ["below", "above"])
def test_nan_never_passes_a_gate(sense):
    assert not Gate(metric="effort_training", sense=sense, bound=0.5).passes(float("nan"))
