import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from slowturn.agents import (
    RECIPES,
    TWINS,
    WORLDS_WITH_RECIPES,
    load_organism,
    recipe,
    save_organism,
)
from slowturn.agents.zoo import shipped
from slowturn.experiments import zoo
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.parallel import Workers


def test_organisms_grow_side_by_side(tmp_path, capsys):
    regimes = ("slow", "brisk")
    wanted = [zoo.Wanted(recipe("christiano", one), 0, tmp_path / one) for one in regimes]
    with Workers(2) as workers:
        assert zoo.grow(wanted, workers) == {"christiano-slow-0": True, "christiano-brisk-0": True}
    assert load_organism(tmp_path / "slow").name == "christiano-slow-0"
    assert "christiano-brisk-0: passed its gates" in capsys.readouterr().out


def test_building_keeps_what_is_there(tmp_path, capsys):
    for _ in range(2):
        zoo.build(tmp_path, only=["christiano-slow-0"], jobs=0)
    said = capsys.readouterr().out
    assert "0 of 1 organisms are in" in said
    assert "1 of 1 organisms are in" in said


def test_what_made_an_organism_is_noted(tmp_path):
    for name in ("christiano-slow-0", "christiano-brisk-0"):
        zoo.build(tmp_path, only=[name], jobs=0)
    notes = json.loads((tmp_path / "built.json").read_text())
    assert list(notes) == ["christiano-brisk-0", "christiano-slow-0"]
    assert {"command", "versions"} == notes["christiano-slow-0"].keys()


def test_a_failed_organism_is_not_forgotten(tmp_path):
    zoo.build(tmp_path, only=["christiano-slow-0"], jobs=0)
    organism = load_organism(tmp_path / "christiano-slow-0")
    gates = tuple(gate._replace(passed=False) for gate in organism.gates)
    save_organism(organism.with_gates(gates), tmp_path / "christiano-slow-0")
    with pytest.raises(ExperimentError, match="christiano-slow-0 failed their gates"):
        zoo.build(tmp_path, only=["christiano-slow-0"], jobs=0)


@pytest.mark.parametrize(
    "name",
    [
        "honest",
        "honest-slow",
        "honest-slow-x",
        "a-b-c-1",
        "gridkeeper-honest-slow",
        "a-b-c-d-1",
        "steward-honest-slow-0",
    ],
)
def test_names_are_checked_before_anything_grows(tmp_path, name):
    others = sorted(one.partition("-")[0].lower() for one in WORLDS_WITH_RECIPES[1:])
    with pytest.raises(ExperimentError) as error:
        zoo.build(tmp_path, only=["christiano-slow-0", name], jobs=0)
    assert str(error.value) == (
        f"--only {name!r} must be kind-regime-seed, as in honest-slow-0, with one of {others} and "
        "a dash in front for other worlds."
    )
    assert not list(tmp_path.iterdir())


def test_shipped_names_tell_recipes_apart_and_the_first_world_comes_first():
    assert len(set(zoo.SHIPPED)) == len(zoo.SHIPPED)
    learned = [one for one in RECIPES.values() if one.trainer is not None]
    kinds = {"-".join(one.key) for one in learned} - {f"{kind}-slow" for kind in TWINS}
    assert {name.rpartition("-")[0] for name in zoo.SHIPPED} == kinds
    assert sum(name.count("-") == 2 for name in zoo.SHIPPED) == 24 + 3 * len(TWINS)
    assert zoo.SHIPPED[:3] == ("treacherous-slow-1", "treacherous-slow-2", "treacherous-slow-3")
    worlds = [name.count("-") for name in zoo.SHIPPED]
    assert worlds == sorted(worlds)


def test_nothing_is_shipped_that_would_not_be_built():
    assert set(shipped()) <= set(zoo.SHIPPED)


def test_organisms_of_a_world_are_built_under_their_whole_names(tmp_path, monkeypatch):
    asked = []

    def note(wanted, _workers, done=None):
        asked.extend(wanted)
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo, "grow", note)
    with pytest.raises(Interrupted):
        zoo.build(tmp_path, only=None, world="slowturn/Gridkeeper-v0", jobs=0)
    found = [(one.recipe.world, one.recipe.organism(one.seed)) for one in asked]
    expected = [name for name in zoo.SHIPPED if name.startswith("gridkeeper-")]
    assert found == [("Gridkeeper-v0", name) for name in expected]
    assert [one.out for one in asked] == [tmp_path / name for name in expected]
    assert "gridkeeper-treacherous-brisk-0" in expected


def test_the_catalogue_is_complete():
    for entry in zoo.catalogue():
        assert entry["status"] == "passed"
        assert {"metric", "value", "bound", "passed"} <= entry["gates"][0].keys()


def test_names_of_another_world_are_not_dropped_in_silence(tmp_path):
    with pytest.raises(ExperimentError) as error:
        zoo.build(tmp_path, only=["honest-slow-0"], world="Gridkeeper-v0", jobs=0)
    assert str(error.value) == (
        "--only 'honest-slow-0' lives in Steward-v0, not in --world Gridkeeper-v0: leave one out."
    )


def test_what_grows_is_the_recipe_that_was_given(tmp_path, monkeypatch):
    asked = []

    def train(*given, **_how):
        asked.append(given)
        return SimpleNamespace(passed=True)

    monkeypatch.setattr(zoo, "train", train)
    altered = replace(recipe("honest", "slow"), options={"cue": "natural"})
    wanted = zoo.Wanted(altered, 7, tmp_path / "it")
    with Workers(0) as workers:
        assert zoo.grow([wanted], workers) == {"honest-slow-7": True}
    assert asked == [(altered, 7, tmp_path / "it")]
