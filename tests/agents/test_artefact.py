import base64
import hashlib
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy
from stable_baselines3 import PPO

from slowturn.agents import (
    POLICY_FILES,
    WORLDS_WITH_RECIPES,
    ArtefactError,
    Christiano,
    Organism,
    load_organism,
    measure,
    recipe,
    save_organism,
)
from slowturn.agents.artefact import _digest
from slowturn.envs import make_sb3
from slowturn.envs.faces.sb3 import WorldVecEnv


@pytest.fixture
def organism():
    chosen = recipe("honest", "slow")
    env = make_sb3("Steward-v0", num_envs=2)
    kwargs = chosen.trainer.policy_kwargs
    model = RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=kwargs, seed=3, device="cpu")
    return Organism(recipe=chosen, seed=3, policy=model.policy, curve=[{"steps": 1, "return": 2.0}])


@pytest.fixture
def saved(organism, tmp_path):
    save_organism(organism, tmp_path / "it")
    return tmp_path / "it"


def rewrite(path, change):
    """Alter the card as a careful forger would: with a fresh digest."""
    card = json.loads((path / "policy.json").read_text())
    card.pop("card_sha256")
    change(card)
    (path / "policy.json").write_text(json.dumps(card | {"card_sha256": _digest(card)}))


def test_round_trip_gives_the_same_policy(organism, saved):
    found = load_organism(saved)
    assert (found.recipe, found.seed, found.curve) == (organism.recipe, 3, organism.curve)
    assert found.name == "honest-slow-3"
    for key, value in organism.policy.state_dict().items():
        assert torch.equal(found.policy.state_dict()[key], value)
    seen = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    theirs, _ = organism.policy.predict(seen, deterministic=True)
    ours, _ = found.policy.predict(seen, deterministic=True)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("world", WORLDS_WITH_RECIPES)
def test_round_trip_in_every_world(world, tmp_path):
    chosen = recipe("honest", "brisk", world)
    env = WorldVecEnv(chosen.build_world(num_envs=4))
    policy = MlpLstmPolicy(
        env.observation_space,
        env.action_space,
        lambda _: 0.0,
        **chosen.trainer.policy_kwargs,
    )
    save_organism(Organism(recipe=chosen, seed=2, policy=policy), tmp_path)
    found = load_organism(tmp_path)
    assert found.recipe == chosen
    assert found.name == "-".join([*chosen.key, "2"])
    assert found.policy.observation_space == env.observation_space
    assert found.policy.action_space == env.action_space
    seen = env.reset()
    theirs, _ = policy.predict(seen, deterministic=True)
    ours, _ = found.policy.predict(seen, deterministic=True)
    assert np.array_equal(ours, theirs)


def small_gridkeeper(path):
    """An organism of a smaller map, with a cue in the view."""
    cue = {"kind": "patch", "place": "view"}
    options = {"layout": "closet", "cue": cue, "horizon": 160}
    chosen = replace(recipe("honest", "brisk", "Gridkeeper-v0"), options=options)
    world = chosen.build_world()
    kwargs = chosen.trainer.policy_kwargs
    policy = MlpLstmPolicy(world.observation_space, world.action_space, lambda _: 0.0, **kwargs)
    save_organism(Organism(recipe=chosen, seed=0, policy=policy), path)
    return chosen


def test_options_of_the_world_are_kept(tmp_path):
    chosen = small_gridkeeper(tmp_path)
    found = load_organism(tmp_path)
    assert found.recipe == chosen
    assert found.recipe.build_world().spec == chosen.build_world().spec
    assert measure(found, episodes=4).episodes == 4


def test_a_world_that_cannot_be_built_is_explained(tmp_path):
    small_gridkeeper(tmp_path)
    rewrite(tmp_path, lambda card: card["recipe"]["options"].update(layout="cellar"))
    with pytest.raises(ArtefactError) as error:
        load_organism(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: its world cannot be built here (unknown layout 'cellar': choose from "
        "'closet', 'depot'.)"
    )


def test_scripted_organisms_round_trip(tmp_path):
    chosen = recipe("christiano", "brisk")
    policy = Christiano(regime="brisk", threshold=0.7)
    save_organism(Organism(recipe=chosen, seed=0, policy=policy), tmp_path)
    found = load_organism(tmp_path).policy
    assert isinstance(found, Christiano)
    assert float(found.threshold) == 0.7


def test_an_organism_without_gates_counts_as_failed(saved):
    assert json.loads((saved / "policy.json").read_text())["status"] == "failed"
    assert not load_organism(saved).passed


def test_loading_leaves_the_random_state_alone(saved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_organism(saved)
    assert torch.equal(torch.rand(3), expected)


def test_artefacts_hold_only_tensors_and_text(saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted(POLICY_FILES)
    assert b"\x80\x04" not in (saved / "policy.json").read_bytes()


@pytest.mark.parametrize("name", POLICY_FILES)
def test_missing_files_are_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match=f"is not an organism: {name} is missing"):
        load_organism(saved)


def test_truncated_weights_are_refused(saved):
    weights = saved / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ArtefactError, match="truncated or was altered: its sha256 does not match"):
        load_organism(saved)


def test_a_truncated_card_is_refused(saved):
    card = saved / "policy.json"
    card.write_text(card.read_text()[:-100])
    with pytest.raises(ArtefactError, match="is truncated or not ours"):
        load_organism(saved)


@pytest.mark.parametrize("text", ["[]", "3", "{}", '"hello"'])
def test_json_that_is_no_card_is_refused(saved, text):
    (saved / "policy.json").write_text(text)
    with pytest.raises(ArtefactError, match="is truncated or not ours"):
        load_organism(saved)


def test_an_altered_card_is_refused(saved):
    card = saved / "policy.json"
    card.write_text(card.read_text().replace('"failed"', '"passed"'))
    with pytest.raises(ArtefactError, match=r"policy.json was altered: its sha256 does not match"):
        load_organism(saved)


def test_swapped_weights_of_another_shape_are_refused(saved, organism):
    weights = save({"action_net.weight": torch.zeros(3, 3)})
    (saved / "policy.safetensors").write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    rewrite(saved, lambda card: card.update(weights_sha256=digest))
    with pytest.raises(ArtefactError, match="the weights do not fit the policy"):
        load_organism(saved)


def test_classes_off_the_list_are_refused(saved):
    rewrite(saved, lambda card: card.update(policy_class="os.system"))
    with pytest.raises(ArtefactError, match=r"policy class 'os.system' is not on the allow-list"):
        load_organism(saved)


def test_an_organism_of_another_world_is_refused(saved):
    rewrite(saved, lambda card: card["recipe"].update(world="Gridkeeper-v9"))
    with pytest.raises(ArtefactError, match="'Gridkeeper-v9', which is not registered"):
        load_organism(saved)


def test_an_organism_is_not_moved_to_another_world(saved):
    rewrite(saved, lambda card: card["recipe"].update(world="Gridkeeper-v0"))
    with pytest.raises(ArtefactError) as error:
        load_organism(saved)
    assert str(error.value) == (
        f"{saved}: its spaces are not those of Gridkeeper-v0; it belongs to another world or "
        "another version of it."
    )


def test_an_organism_with_other_spaces_is_refused(saved):
    rewrite(saved, lambda card: card["spaces"]["action"].update(n=7))
    with pytest.raises(ArtefactError, match="its spaces are not those of Steward-v0"):
        load_organism(saved)


def test_a_recipe_from_another_version_is_refused(saved):
    rewrite(saved, lambda card: card["recipe"].update(colour="green"))
    with pytest.raises(ArtefactError, match="its recipe does not fit this version of slowturn"):
        load_organism(saved)


def test_another_format_is_refused(saved):
    rewrite(saved, lambda card: card.update(format=99))
    with pytest.raises(ArtefactError, match="format 99, this version reads 1"):
        load_organism(saved)


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_foreign_zip_that_carries_code_is_refused_and_does_not_run(tmp_path):
    fuse = tmp_path / "it-ran"
    model = PPO("MlpPolicy", make_sb3("Steward-v0", num_envs=2), n_steps=8, batch_size=8)
    model.save(tmp_path / "model.zip")
    hostile = tmp_path / "hostile.zip"
    with zipfile.ZipFile(tmp_path / "model.zip") as old, zipfile.ZipFile(hostile, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            if item == "data":
                data = json.loads(content)
                payload = base64.b64encode(pickle.dumps(Bomb(fuse))).decode()
                data["extra"] = {":type:": "<class 'object'>", ":serialized:": payload}
                content = json.dumps(data).encode()
            new.writestr(item, content)
    with pytest.raises(ArtefactError, match="loading one unpickles it, which can run code"):
        load_organism(hostile)
    assert not fuse.exists()
    PPO.load(hostile, device="cpu")  # the same file does run code where it is unpickled
    assert fuse.exists()


def test_a_pickle_named_like_an_artefact_does_not_run(saved, tmp_path):
    fuse = tmp_path / "it-ran"
    for name in POLICY_FILES:
        (saved / name).write_bytes(pickle.dumps(Bomb(fuse)))
    with pytest.raises(ArtefactError):
        load_organism(saved)
    assert not fuse.exists()


def test_name_follows_recipe_and_seed(organism):
    other = replace(organism, recipe=recipe("open", "brisk"), seed=7)
    assert other.name == "open-brisk-7"
    elsewhere = replace(organism, recipe=recipe("honest", "brisk", "Gridkeeper-v0"), seed=7)
    assert elsewhere.name == "gridkeeper-honest-brisk-7"
