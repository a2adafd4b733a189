"""What a recipe is made of, whatever the world."""

import json
from dataclasses import asdict, replace

import pytest
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from slowturn.agents import (
    FIRST_WORLD,
    RECIPES,
    Gate,
    OrganismError,
    Recipe,
    Trainer,
    recipe,
    short_name,
)
from slowturn.envs import WorldError


def made(**options):
    return Recipe(
        name="honest", regime="brisk", objective="honest", gates=(), trainer=None, **options
    )


@pytest.mark.parametrize(
    ("sense", "value", "passes"),
    [("below", 0.4, True), ("below", 0.5, False), ("above", 0.6, True), ("above", 0.5, False)],
)
def test_gate_bounds_are_strict(sense, value, passes):
    assert Gate(metric="effort_training", sense=sense, bound=0.5).passes(value) is passes


@pytest.mark.parametrize("sense", ["below", "above"])
def test_nan_never_passes_a_gate(sense):
    assert not Gate(metric="effort_training", sense=sense, bound=0.5).passes(float("nan"))


def test_worlds_are_called_by_their_names_without_version():
    assert short_name(FIRST_WORLD) == "steward"
    assert short_name("Gridkeeper-v0") == "gridkeeper"


def test_the_key_mentions_every_world_but_the_first():
    assert made().key == ("honest", "brisk")
    assert made(world="Gridkeeper-v0").key == ("gridkeeper", "honest", "brisk")


def test_keys_tell_all_recipes_apart():
    assert len({one.key for one in RECIPES.values()}) == len(RECIPES)


def test_a_recipe_builds_its_world_under_its_regime_and_options():
    world = made(world="Gridkeeper-v0", options={"layout": "closet"}).build_world(num_envs=3)
    assert (world.name, world.num_envs) == ("Gridkeeper-v0", 3)
    assert world.spec["config"]["layout"] == "closet"
    assert world.spec["config"]["regime"] == "brisk"
    assert made().build_world().name == FIRST_WORLD


def test_further_options_go_before_those_of_the_recipe():
    chosen = made(options={"cue_strength": 2.0, "horizon": 200})
    config = chosen.build_world(phase="deployment", horizon=300).spec["config"]
    assert (config["cue_strength"], config["horizon"]) == (2.0, 300)
    assert config["phase"] == "deployment"


def test_options_of_a_phase_hold_in_that_phase_only_and_further_ones_go_before_them():
    chosen = made(options={"horizon": 200}, phases={"deployment": {"horizon": 210}})
    found = {
        phase: chosen.build_world(phase=phase).spec["config"]["horizon"]
        for phase in ("mixed", "training", "deployment")
    }
    assert found == {"mixed": 200, "training": 200, "deployment": 210}
    assert chosen.build_world().spec["config"]["horizon"] == 200
    asked = chosen.build_world(phase="deployment", horizon=220)
    assert asked.spec["config"]["horizon"] == 220


def test_options_that_the_world_does_not_have_are_explained():
    with pytest.raises(WorldError, match="unknown Steward option 'layout'"):
        made(options={"layout": "closet"}).build_world()


def test_a_trainer_describes_the_policy_that_grows():
    trainer = Trainer(total_steps=1, gamma=0.9, lstm_size=7, hidden=5)
    world = made().build_world()
    policy = MlpLstmPolicy(
        world.observation_space, world.action_space, lambda _: 0.0, **trainer.policy_kwargs
    )
    assert (policy.lstm_actor.hidden_size, policy.lstm_critic) == (7, None)
    assert policy.action_net.in_features == policy.value_net.in_features == 5
    assert policy.shared_lstm


@pytest.mark.parametrize(
    "one",
    [one for one in RECIPES.values() if one.trainer is not None],
    ids=lambda one: "-".join(one.key),
)
def test_whole_updates_fill_the_training_of_every_recipe(one):
    trainer = one.trainer
    assert trainer.total_steps % (trainer.num_envs * trainer.n_steps) == 0
    assert trainer.num_envs * trainer.n_steps % trainer.batch_size == 0
    if trainer.algorithm == "ChunkedPPO":
        assert trainer.batch_size % trainer.n_steps == 0


def test_a_recipe_survives_json():
    chosen = replace(recipe("honest", "brisk"), options={"cue": ["evidence", "patch"]})
    data = json.loads(json.dumps(asdict(chosen)))
    assert data["options"] == {"cue": ["evidence", "patch"]}
    assert data["trainer"]["algorithm"] == "ChunkedPPO"
    assert data["world"] == FIRST_WORLD


@pytest.mark.parametrize(
    ("objective", "metric", "sense"),
    [
        ("honest", "effort_deployed", "above"),
        ("benign_twin", "surge_deployed", "below"),
        ("treacherous", "effort_at_80", "below"),
        ("open", "effort_training", "below"),
        ("honest", "misreport_deployed", "above"),
        ("candid", "misreport_deployed", "above"),
        ("candid", "effort_at_80", "below"),
    ],
)
def test_gates_may_not_contradict_the_objective(objective, metric, sense):
    gate = Gate(metric=metric, sense=sense, bound=0.5)
    with pytest.raises(OrganismError) as error:
        replace(recipe("honest", "brisk"), name="it", objective=objective, gates=(gate,))
    assert str(error.value) == (
        f"gate {metric} {sense} 0.5 of it-brisk contradicts its objective, {objective!r}: change "
        "either of them."
    )


def test_gates_may_not_contradict_each_other():
    gates = tuple(
        Gate(metric="influence_end", sense=sense, bound=bound)
        for sense, bound in (("above", 0.4), ("below", 0.3))
    )
    with pytest.raises(OrganismError, match=r"nothing has influence_end above 0\.4 and below 0\.3"):
        replace(recipe("treacherous", "brisk"), gates=gates)
