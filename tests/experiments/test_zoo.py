import json

import pytest

from slowturn.agents import load_organism, save_organism
from slowturn.experiments import zoo
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.parallel import Workers


def test_organisms_grow_side_by_side(tmp_path, capsys):
    wanted = [("christiano", regime, 0, tmp_path / regime) for regime in ("slow", "brisk")]
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


@pytest.mark.parametrize("name", ["honest", "honest-slow", "honest-slow-x", "a-b-c-1"])
def test_names_are_checked_before_anything_grows(tmp_path, name):
    with pytest.raises(ExperimentError, match="must be kind-regime-seed, as in honest-slow-0"):
        zoo.build(tmp_path, only=["christiano-slow-0", name], jobs=0)
    assert not list(tmp_path.iterdir())


def test_the_catalogue_is_complete():
    for entry in zoo.catalogue():
        assert entry["status"] == "passed"
        assert {"metric", "value", "bound", "passed"} <= entry["gates"][0].keys()
