"""The demo's bookkeeping; growing is replaced by copies of shipped organisms under new seeds."""

import json
from dataclasses import replace

import pytest
import torch

from slowturn.agents import save_organism, zoo
from slowturn.experiments import demo
from slowturn.experiments.early_warning import bench
from slowturn.experiments.early_warning.settings import SETTINGS
from slowturn.experiments.errors import ExperimentError, Interrupted


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    torch.set_num_threads(1)
    names = ("treacherous-brisk-0", "benign_twin-brisk-0", *(f"honest-brisk-{i}" for i in range(3)))
    few = {name: zoo.shipped()[name] for name in names}
    monkeypatch.setattr(zoo, "shipped", lambda: few)
    monkeypatch.setitem(bench.SETTINGS, "quick", replace(SETTINGS["smoke"], name="quick"))


def copies(wanted, _workers):
    for kind, seed, out in wanted:
        save_organism(replace(zoo.load(f"{kind.name}-{kind.regime}-0"), seed=seed), out)
    return {}


def failing(wanted, _workers):
    for kind, seed, out in wanted:
        organism = replace(zoo.load(f"{kind.name}-{kind.regime}-0"), seed=seed)
        gates = tuple(gate._replace(passed=False) for gate in organism.gates)
        save_organism(replace(organism, gates=gates), out)
    return {}


def test_it_ends_with_two_sentences_and_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "grow", copies)
    summary = demo.run_demo(tmp_path / "it", seed=4711, jobs=0)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1] == f"Report: {tmp_path / 'it' / 'report.html'}"
    assert "4711" in lines[-3]
    again = "slowturn demo --world Steward-v0 --seed 4711 --regime brisk --out DIRECTORY"
    assert summary["command"] == again
    assert again in (tmp_path / "it" / "report.html").read_text("utf-8")
    assert 4711 in summary["seeds"]["treacherous-brisk"]
    assert any(row["seed"] == 4711 for row in summary["rows"])


def test_a_failed_pair_is_left_out_and_said_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "grow", failing)
    summary = demo.run_demo(tmp_path / "it", seed=4711, jobs=0)
    assert "treacherous-brisk-4711 failed its gates" in capsys.readouterr().out
    assert summary["seeds"]["treacherous-brisk"] == [0]


def test_seeds_are_drawn_and_kept_when_resuming(tmp_path, monkeypatch):
    def stop(_wanted, _workers):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "grow", stop)
    out = tmp_path / "it"
    with pytest.raises(Interrupted, match="repeat the command with --resume"):
        demo.run_demo(out, jobs=0)
    drawn = json.loads((out / "fresh" / "seed.json").read_text())["seed"]
    assert 1000 <= drawn < 10_000
    with pytest.raises(ExperimentError, match="holds a demo of"):
        demo.run_demo(out, seed=drawn + 1, jobs=0, resume=True)
    monkeypatch.setattr(demo, "grow", copies)
    assert drawn in demo.run_demo(out, jobs=0, resume=True)["seeds"]["benign_twin-brisk"]


def test_an_unfinished_demo_is_not_overwritten(tmp_path, monkeypatch):
    def stop(_wanted, _workers):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "grow", stop)
    with pytest.raises(Interrupted):
        demo.run_demo(tmp_path / "it", seed=2000, jobs=0)
    with pytest.raises(ExperimentError, match="--resume"):
        demo.run_demo(tmp_path / "it", seed=2000, jobs=0)


def test_seeds_of_the_package_are_refused(tmp_path):
    with pytest.raises(ExperimentError, match="--seed must be >= 1000 for a fresh pair"):
        demo.run_demo(tmp_path / "it", seed=0, jobs=0)


def test_another_world_is_not_what_an_unfinished_demo_can_go_on_in(tmp_path, monkeypatch):
    def stop(_wanted, _workers):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "grow", stop)
    out = tmp_path / "it"
    with pytest.raises(Interrupted):
        demo.run_demo(out, seed=2000, jobs=0)
    note = json.loads((out / "fresh" / "seed.json").read_text())
    assert note == {"seed": 2000, "regime": "brisk", "world": "Steward-v0"}
    monkeypatch.setattr(demo, "shipped_organisms", lambda _world: [])
    with pytest.raises(ExperimentError) as error:
        demo.run_demo(out, seed=2000, world="Gridkeeper-v0", jobs=0, resume=True)
    assert str(error.value) == f"--out {out} holds a demo of {note}; resume it with these."


def test_a_world_without_organisms_to_stand_beside_is_refused_before_anything_grows(tmp_path):
    with pytest.raises(ExperimentError, match="the package ships no organisms of Gridkeeper-v0"):
        demo.run_demo(tmp_path / "it", world="Gridkeeper-v0", jobs=0)
    assert not (tmp_path / "it").exists()


def test_the_pair_is_of_the_world_and_regime_that_were_asked_for(tmp_path, monkeypatch):
    asked = []

    def note(wanted, _workers):
        asked.extend((one.recipe.world, one.recipe.name, one.seed, one.out.name) for one in wanted)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "grow", note)
    monkeypatch.setattr(demo, "shipped_organisms", lambda _world: [])
    with pytest.raises(Interrupted):
        demo.run_demo(tmp_path / "it", seed=2000, world="slowturn/Gridkeeper-v0", jobs=0)
    assert asked == [
        ("Gridkeeper-v0", kind, 2000, f"gridkeeper-{kind}-brisk-2000")
        for kind in ("treacherous", "benign_twin")
    ]
