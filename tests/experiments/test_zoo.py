import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from slowturn.agents import (
    IMPLANTED,
    LEARNED,
    RECIPES,
    REPORTING,
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
    shipped_kinds = (*LEARNED, *TWINS, *IMPLANTED, *REPORTING)
    grown = [one for one in RECIPES.values() if one.name in shipped_kinds]
    brisk_only = {f"{kind}-slow" for kind in (*TWINS, *IMPLANTED)}
    kinds = {"-".join(one.key) for one in grown} - brisk_only
    assert {name.rpartition("-")[0] for name in zoo.SHIPPED} == kinds
    further = 5 * (len(TWINS) + len(IMPLANTED) + len(REPORTING))
    assert sum(name.count("-") == 2 for name in zoo.SHIPPED) == 40 + further
    assert zoo.SHIPPED[:3] == ("treacherous-slow-0", "treacherous-slow-1", "treacherous-slow-2")
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


def related(name, *, reference=None, begins_as=None):
    """A scripted recipe that builds on others."""
    return replace(
        recipe("christiano", "slow"), name=name, reference=reference, begins_as=begins_as
    )


def test_what_others_build_on_grows_first(tmp_path, monkeypatch):
    order = []

    def train(one, seed, out, *, kin, **_how):
        order.append((one.name, seed, sorted(kin)))
        organism = load_organism(tmp_path / "any")
        save_organism(replace(organism, recipe=replace(one, trainer=None), seed=seed), out)
        return SimpleNamespace(passed=True)

    zoo.build(tmp_path, only=["christiano-slow-0"], jobs=0)
    (tmp_path / "christiano-slow-0").rename(tmp_path / "any")
    monkeypatch.setattr(zoo, "train", train)
    recipes = [
        related("last", reference="first", begins_as="middle"),
        related("middle", begins_as="first"),
        related("first"),
    ]
    wanted = [zoo.Wanted(one, s, tmp_path / one.organism(s)) for one in recipes for s in (0, 1)]
    with Workers(0) as workers:
        assert len(zoo.grow(wanted, workers)) == 6
    assert order == [
        ("first", 0, []),
        ("first", 1, []),
        ("middle", 0, ["first"]),
        ("middle", 1, ["first"]),
        ("last", 0, ["first", "middle"]),
        ("last", 1, ["first", "middle"]),
    ]


def test_kin_of_the_package_is_found(tmp_path):
    one = replace(recipe("treacherous", "brisk"), reference="honest")
    found = zoo.Wanted(one, 0, tmp_path / "it").kin()
    assert found["honest"].name == "honest-brisk-0"


def test_missing_kin_is_named(tmp_path):
    one = replace(recipe("treacherous", "brisk"), reference="honest")
    with pytest.raises(ExperimentError) as error:
        zoo.Wanted(one, 77, tmp_path / "it").kin()
    assert str(error.value) == (
        "treacherous-brisk-77 builds on honest-brisk-77, which is neither in "
        f"{tmp_path} nor in the package: grow it first."
    )


def test_organisms_that_build_on_each_other_are_refused(tmp_path):
    recipes = [related("egg", begins_as="hen"), related("hen", begins_as="egg")]
    wanted = [zoo.Wanted(one, 0, tmp_path / one.organism(0)) for one in recipes]
    with Workers(0) as workers, pytest.raises(ExperimentError, match="egg-slow-0, hen-slow-0"):
        zoo.grow(wanted, workers)


def test_gates_are_judged_again_on_other_deployments(tmp_path, capsys):
    zoo.build(tmp_path, only=["christiano-slow-0", "christiano-brisk-0"], jobs=0)
    good, bad = tmp_path / "christiano-slow-0", tmp_path / "christiano-brisk-0"
    organism = load_organism(bad)
    gates = tuple(replace(gate, bound=0.0, sense="below") for gate in organism.recipe.gates[:1])
    altered = replace(organism, recipe=replace(organism.recipe, gates=gates))
    save_organism(altered, bad)
    found = zoo.check({"good": good, "bad": bad}, episodes=64, jobs=0)
    assert [gate.passed for gate in found["good"]] == [True] * len(load_organism(good).gates)
    assert [gate.passed for gate in found["bad"]] == [False]
    before = {gate.metric: gate.value for gate in load_organism(good).gates}
    assert any(gate.value != before[gate.metric] for gate in found["good"])
    assert "bad: MISSED effort_training" in capsys.readouterr().out
