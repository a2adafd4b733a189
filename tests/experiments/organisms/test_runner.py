"""A claim about organisms grows what is missing, measures, and can be stopped and resumed."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from slowturn.agents import load_organism, recipe, zoo
from slowturn.experiments.claims import Claim
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.organisms import runner
from slowturn.experiments.organisms.names import GROWN_CLAIMS


@pytest.fixture
def claim(monkeypatch):
    """A claim about scripted organisms; notes what it was computed from."""
    seen = []

    def conclude(grown, _workers, _out):
        seen.append(grown)
        agents = [load_organism(path) for paths in grown.values() for path in paths]
        rows = pd.DataFrame({"agents": [len(agents)], "share": [0.5]})
        return Claim(rows, "| a table |", {"toy": Figure()})

    recipes = [recipe("christiano", one) for one in ("slow", "brisk")]
    toy = runner.GrownClaim(lambda: recipes, conclude)
    monkeypatch.setitem(GROWN_CLAIMS, "toy", "Does it run?")
    monkeypatch.setattr(runner, "_claim", lambda _name: toy)
    return seen


def test_everything_is_grown_measured_and_written(claim, tmp_path):
    out = tmp_path / "it"
    assert runner.run_grown_claim("toy", out, seeds=[3, 4], jobs=0) == "| a table |"
    (grown,) = claim
    assert {key: [path.name for path in paths] for key, paths in grown.items()} == {
        ("christiano", one): [f"christiano-{one}-{seed}" for seed in (3, 4)]
        for one in ("slow", "brisk")
    }
    assert sorted(path.name for path in out.iterdir()) == [
        "organisms",
        "rows.parquet",
        "summary.json",
        "table.md",
        "toy.png",
    ]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["seeds"] == [3, 4]
    assert summary["organisms"]["christiano-slow-3"] == "passed"
    assert summary["rows"] == [{"agents": 4, "share": 0.5}]


def test_a_claim_of_which_all_come_with_the_package_keeps_its_results_to_itself(
    tmp_path, monkeypatch
):
    out, given = tmp_path / "it", []

    def conclude(grown, _workers, place):
        given.append((place, [path for paths in grown.values() for path in paths]))
        return Claim(pd.DataFrame({"agents": [2]}), "| a table |", {})

    shipped = zoo.load("honest-brisk-0").recipe
    monkeypatch.setitem(GROWN_CLAIMS, "toy", "Does it run?")
    toy = runner.GrownClaim(lambda: [shipped], conclude)
    monkeypatch.setattr(runner, "_claim", lambda _name: toy)
    runner.run_grown_claim("toy", out, seeds=[0, 1], jobs=0)
    ((place, organisms),) = given
    assert place == out
    assert organisms == [zoo.shipped()[f"honest-brisk-{seed}"] for seed in (0, 1)]
    assert sorted(one.name for one in out.iterdir()) == ["rows.parquet", "summary.json", "table.md"]


def test_a_run_that_was_stopped_goes_on(claim, tmp_path, monkeypatch):
    out = tmp_path / "it"
    whole, grown = runner.grow, []

    def stopped(wanted, workers):
        whole(wanted[:1], workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "grow", stopped)
    with pytest.raises(Interrupted, match="--resume"):
        runner.run_grown_claim("toy", out, seeds=[0, 1], jobs=0)
    assert not (out / "summary.json").exists()

    def noted(wanted, workers):
        grown.extend(one.out.name for one in wanted)
        return whole(wanted, workers)

    monkeypatch.setattr(runner, "grow", noted)
    with pytest.raises(ExperimentError, match="--resume"):
        runner.run_grown_claim("toy", out, seeds=[0, 1], jobs=0)
    runner.run_grown_claim("toy", out, seeds=[0, 1], jobs=0, resume=True)
    assert grown == ["christiano-slow-1", "christiano-brisk-0", "christiano-brisk-1"]
    assert (out / "summary.json").exists()


@pytest.mark.parametrize("seeds", [[], [0], [-1, 0]])
def test_an_interval_needs_two_agents(claim, tmp_path, seeds):
    with pytest.raises(ExperimentError, match="at least two numbers >= 0"):
        runner.run_grown_claim("toy", tmp_path / "it", seeds=seeds)
    assert not (tmp_path / "it").exists()


def test_an_unknown_claim_is_refused(tmp_path):
    with pytest.raises(ExperimentError, match=r"unknown claim 'condition': choose from .*cond"):
        runner.run_grown_claim("condition", tmp_path / "it")


@pytest.mark.parametrize("name", GROWN_CLAIMS)
def test_every_claim_has_recipes_of_different_names(name):
    recipes = runner._claim(name).recipes()
    names = [one.organism(0) for one in recipes]
    assert len(set(names)) == len(names)
    for one in recipes:
        for kind in one.kin:
            assert replace(one, name=kind).organism(0) in names


def test_what_comes_with_the_package_is_not_grown_again(tmp_path):
    shipped = recipe("honest", "brisk")
    place = runner._place(shipped, 0, tmp_path)
    if load_organism(zoo.shipped()["honest-brisk-0"]).recipe == shipped:
        assert place == zoo.shipped()["honest-brisk-0"]
    altered = replace(shipped, options={"cue_strength": 0.9})
    assert runner._place(altered, 0, tmp_path) == tmp_path / "organisms" / "honest-brisk-0"
    assert runner._place(shipped, 99, tmp_path) == tmp_path / "organisms" / "honest-brisk-99"
