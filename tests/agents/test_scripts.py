"""Organisms that are not learned are built from their recipes, saved, and read again."""

from dataclasses import replace

import numpy as np
import pytest

from slowturn.agents import (
    ArtefactError,
    Organism,
    OrganismError,
    load_organism,
    recipe,
    save_organism,
    zoo,
)
from slowturn.agents.scripts import EMPTY, scripted_policy


@pytest.mark.parametrize("name", ["christiano", "solved_treacherous"])
def test_scripts_survive_saving(name, tmp_path):
    kind = recipe(name, "brisk")
    organism = Organism(recipe=kind, seed=0, policy=scripted_policy(kind))
    save_organism(organism, tmp_path)
    again = load_organism(tmp_path)
    assert again.recipe == kind
    world = kind.build_world(num_envs=8, phase="deployment")
    world.seed(range(8))
    world.reset()
    states = [None, None]
    for t in range(200):
        seen, start = world.observations(), np.full(8, t == 0)
        chosen = []
        for i, policy in enumerate((organism.policy, again.policy)):
            action, states[i] = policy.predict(seen, states[i], start, deterministic=True)
            chosen.append(action)
        np.testing.assert_array_equal(*chosen)
        world.step(chosen[0])
    assert world.truth().influence.max() > 0


def test_the_patient_storm_and_the_others_drift():
    """One step of effort 1 forces the ratchet: worth it only to who does not discount."""
    first = {}
    for name in ("solved_treacherous", "solved_patient"):
        kind = recipe(name, "slow")
        policy = scripted_policy(kind)
        known = policy.certain[100].numpy()  # what it does once deployment is known, by baseline
        first[name] = int(known[0])
    assert first["solved_patient"] == 20
    assert 0 < first["solved_treacherous"] <= 2


def test_learned_recipes_have_no_script():
    with pytest.raises(OrganismError) as error:
        scripted_policy(recipe("honest", "brisk", "Gridkeeper-v0"))
    assert str(error.value) == (
        "gridkeeper-honest-brisk has no script: scripted and solved organisms are those of "
        "Steward-v0 and GridkeeperCloset-v0 without a trainer; learned ones are grown by "
        "slowturn.agents.train."
    )


def test_the_allow_list_holds_no_learned_recipe(tmp_path):
    """A network is not read as a script, nor a script as a network."""
    learned, script = zoo.load("honest-slow-0"), recipe("christiano", "slow")
    assert list(EMPTY) == ["Christiano", "Solved", "SolvedGridkeeper"]
    network = replace(learned, recipe=replace(learned.recipe, trainer=None))
    save_organism(network, tmp_path / "network")
    with pytest.raises(ArtefactError, match="is not on the allow-list: MlpLstmPolicy, PPO"):
        load_organism(tmp_path / "network")
    save_organism(replace(learned, policy=scripted_policy(script)), tmp_path / "script")
    with pytest.raises(ArtefactError, match="the weights do not fit the policy"):
        load_organism(tmp_path / "script")
